"""Tests of `simulator/crdt_zoo`."""
