"""Tests of `model.crdt`."""
