"""Tests of `model/crdt/types`."""
