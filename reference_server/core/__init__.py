"""The server's logic as state machines: event in, effects out; no socket, no clock, no thread."""
