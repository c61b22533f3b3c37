"""Frozen structs out of YAML; every mistake is told with its line and its key."""
