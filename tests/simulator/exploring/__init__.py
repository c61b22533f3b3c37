"""Tests of `simulator.exploring`."""
