"""Tests of `simulator/faults`."""
