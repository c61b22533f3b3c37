"""Tests of `simulator.gossip`."""
