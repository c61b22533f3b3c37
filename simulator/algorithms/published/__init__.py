"""Published transformation functions, and a search for what is wrong with them.

Six character-wise functions as their authors wrote them down, a control algorithm that needs their laws, and
the smallest histories that break them. All of it is for looking at: the server orders operations and needs
none of it, so it may not import it (``tests/test_imports.py``).
"""
