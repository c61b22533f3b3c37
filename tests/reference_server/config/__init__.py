"""Tests of `reference_server/config`."""
