"""A client of a collaborative server, without sockets or clock: bytes, messages and time in and out."""
