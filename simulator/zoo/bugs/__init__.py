"""The bugs, one file for each part of the product they are in."""
