"""Tests of the bug zoo: every seeded mistake is found, and the product without one never is."""
