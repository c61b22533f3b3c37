"""Tests of `model/people`."""
