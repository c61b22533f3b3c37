"""Algorithms for text that several people edit at once: what is known of them, and what is measured here.

Four subjects, from the smallest to the largest. `published` has transformation functions as their papers
have them, wrong ones too, and the search that finds what breaks them. `laws` holds what the literature says
of functions, of Jupiter and of the sequence CRDTs against what comes out here, row by row. `recordings`
replays sessions of real people on every algorithm and compares the text. `arena` lets every algorithm play
one schedule of edits, and explains each difference by the rule that decided. `texts` is what they share:
final texts beside each other.

The algorithms themselves are in `model`: operations in `text` and `jupiter`, sequences in `crdt`.
"""
