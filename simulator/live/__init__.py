"""The live driver: the scenarios of the simulator in real time, over real sockets, against a real server.

The clients, their sessions, their faults and the paths between them are those of a simulated cell. Only the
gateway's side of every connection is another: a bridge to a WebSocket.
"""
