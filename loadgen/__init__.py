"""Real time: users over real sockets who load a running server, and the judgement of what they saw."""
