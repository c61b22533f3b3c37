"""One failure: taken out of its run as a plan of scripted clients, tried again, made smaller, explained.

``case`` cuts the document that failed out of the history of its cell; a ``trial`` plays a plan in memory and
says which checks fail; ``shrink`` looks for the smallest plan that still fails the same one, by the
``passes`` of a plan in time or of one of those ``ways`` that exploring finds; ``explain`` tells it as a
sentence, as steps and as a space-time diagram.
"""
