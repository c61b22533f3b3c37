"""Real time: load generators that drive a running server; none yet."""
