"""Tests of `reference_server/auth`."""
