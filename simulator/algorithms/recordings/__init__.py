"""Recorded sessions, replayed by every engine that can: ``concord trace``."""
