"""What workers tell each other; all of it may be lost at any moment."""
