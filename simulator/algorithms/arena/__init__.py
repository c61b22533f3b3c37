"""One schedule, every algorithm: ``concord arena``."""
