"""Why two characters stand in the order in which they stand, by what decided in an engine."""
