"""Tests of `model/crdt`."""
