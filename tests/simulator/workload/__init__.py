"""Tests of `simulator/workload`."""
