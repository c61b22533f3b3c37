"""The bug zoo: mistakes put into the product from outside, to see which check finds which.

A check that never fails proves nothing. Every bug here is a small subclass of a part of the product with one
method changed; the product itself knows nothing of it.
"""
