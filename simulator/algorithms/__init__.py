"""Algorithms compared: published ones, their laws, recorded sessions, and the arena."""
