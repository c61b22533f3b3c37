"""Plain sequence CRDTs, one file an algorithm, written to be read."""
