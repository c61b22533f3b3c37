"""The run: all cells of a plan, judged as one.

``fleet`` spreads cells over processes; the digest is the same for any number of them. ``run`` merges what the
checkers and measures of all cells say into one result, and writes it; ``cases`` takes the failures out of the
run and makes them smaller.
"""
