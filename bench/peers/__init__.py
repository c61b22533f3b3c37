"""The servers that Concord is compared with, the generator that drives them all, and how they are run."""
