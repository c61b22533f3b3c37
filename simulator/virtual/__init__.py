"""The virtual world: time, network, storage, the gateway's cell and its clients."""
