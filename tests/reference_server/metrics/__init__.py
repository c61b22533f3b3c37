"""Tests of what a worker measures."""
