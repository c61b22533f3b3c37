"""The sockets of one worker: one port for HTTP and WebSocket, and what is on its way to each client."""
