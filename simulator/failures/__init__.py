"""A failure: taken out of its run, tried again, made smaller, explained."""
