"""Conflict-free replicated data types: sequences, the state-based types, and the laws they promise."""
