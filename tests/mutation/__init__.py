"""The product broken on purpose, a line at a time: what of it the simulation and the tests find."""
