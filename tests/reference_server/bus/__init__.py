"""Tests of the bus between workers."""
