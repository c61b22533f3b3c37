"""Tests of reference_server.store."""
