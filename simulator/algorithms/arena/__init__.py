"""One schedule, every algorithm.

A `schedule` says who types what behind which character, and when people meet the server. It is drawn on a
`rehearsal`, of a named scenario or of people at random (`random_schedule`). Every engine in `engines` can
`play` it; a `contest` lets all `contenders` do so, and compares. Where final texts differ, `differences`
finds the pair of characters that was typed first, and `reasons` says which rule of each engine decided.
"""
