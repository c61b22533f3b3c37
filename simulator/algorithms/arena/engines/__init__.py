"""The engines of the arena: what each has to be able to do, and each algorithm behind it."""
