"""Tests of `reference_server/verification`."""
