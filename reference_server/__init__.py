"""The server of a real-time collaborative editing platform: a sans-IO core and shells around it."""
