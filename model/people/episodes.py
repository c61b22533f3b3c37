"""What people do in one go: an episode is a list of steps, drawn before its first one is made.

Besides writing, correcting and moving text about, people go several steps back and forth again, write between
an undo and the redo, write from right to left, and now and then move more text than anybody types. What is
rare in one session is common among thousands; a server that gets it wrong only then gets it wrong every day.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Annotated, Final, Literal, NamedTuple

import msgspec

from model.people.actions import LARGE
from model.people.characters import prose

BURST_MEAN: Final = 6
BURST_MAX: Final = 30
DELETIONS_MAX: Final = 8
PASTE_LENGTH: Final = (20, 200)
CUT_LENGTH: Final = (10, 160)
REPLACE_LENGTH: Final = (2, 24)
BULK_LENGTH: Final = (LARGE + 1, 1_600)
BULK_TEXT_MIN: Final = 1_000
"""In documents that people keep shorter than this, nobody moves a thousand code points at once."""
JUMP_SHARE: Final = 0.35
OVERTYPE_SHARE: Final = 0.3
"""Of the selections that are replaced, how many are typed over instead of pasted over."""
FORWARD_SHARE: Final = 0.5
"""Of the selections, how many have their head at the end."""
UNDO_MEAN: Final = 4.0
UNDO_MAX: Final = 24

Weight = Annotated[float, msgspec.Meta(ge=0.0, le=1000.0)]


class Weights(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How often a person begins each kind of episode, relative to the others.

    Attributes:
        type: a burst of keystrokes.
        leftward: a burst, each character in front of the one before.
        backspace: a run of deletions before the cursor.
        delete: a run of deletions behind the cursor.
        paste: some words at once.
        replace: a selection is pasted or typed over.
        cut: a selection is cut.
        bulk: more than 1,024 code points pasted, or cut where the text is long; not in short documents.
        undo: a few steps back, then perhaps forth again, or something new in between.
    """

    type: Weight = 58.0
    leftward: Weight = 3.0
    backspace: Weight = 10.0
    delete: Weight = 4.0
    paste: Weight = 4.0
    replace: Weight = 8.0
    cut: Weight = 4.0
    bulk: Weight = 1.5
    undo: Weight = 6.0


class Step(NamedTuple):
    """One action of an episode.

    ``length`` is the range it is about, in code points before the cursor, or behind it if negative; what is
    typed comes in front of that range.
    """

    what: Literal[
        "jump", "reach", "select", "undo", "redo", "replace", "paste", "type", "backspace", "delete", "cut"
    ]
    length: int = 0
    text: str = ""


def episode(
    rng: random.Random, weights: Weights, length: int, wanted: int, edits: int, *, plain: bool
) -> list[Step]:
    """The steps of the next episode.

    Args:
        rng: of the author.
        weights: the mixture.
        length: of the text now; what is wrong with it decides what is likely.
        wanted: the length that people keep it at.
        edits: that the author has made before, and could undo.
        plain: whether everything that is written is ASCII.
    """
    kinds, likely = zip(*_likely(weights, length, wanted, edits), strict=True)
    # Weights that leave nothing (an undo with nothing to undo) leave typing.
    kind = rng.choices(kinds, likely)[0] if sum(likely) > 0 else "type"
    steps = [Step("jump")] if rng.random() < JUMP_SHARE else []
    match kind:
        case "type":
            steps.extend(Step("type", 0, character) for character in _burst(rng, plain=plain))
        case "leftward":
            before = 0
            for character in _burst(rng, plain=plain):
                steps.append(Step("type", before, character))
                before = 1
        case "backspace":
            steps.extend([Step("backspace", 1)] * rng.randint(1, DELETIONS_MAX))
        case "delete":
            steps.extend([Step("delete", -1)] * rng.randint(1, DELETIONS_MAX))
        case "paste":
            steps.append(Step("paste", 0, prose(rng, _size(rng, PASTE_LENGTH, wanted), plain=plain)))
        case "replace":
            steps.extend(_replacement(rng, wanted, plain=plain))
        case "cut":
            steps.extend(_cut(rng, _size(rng, CUT_LENGTH, wanted)))
        case "bulk" if length >= wanted and length > BULK_LENGTH[0]:
            count = rng.randint(BULK_LENGTH[0], min(length, BULK_LENGTH[1]))
            steps = [Step("reach", count), *_cut(rng, count, forward=True)]
        case "bulk":
            steps.append(Step("paste", 0, prose(rng, rng.randint(*BULK_LENGTH), plain=plain)))
        case _:
            steps = _back_and_forth(rng, plain=plain)
    return steps


def _likely(weights: Weights, length: int, wanted: int, edits: int) -> Iterator[tuple[str, float]]:
    """Each kind of episode with its weight for a text of ``length`` that ``wanted`` is wanted of."""
    # -1 for an empty text, 0 where its length is the one wanted, 1 for twice that and more.
    surplus = min(1.0, (length - wanted) / wanted)
    grow = min(1.0, max(0.05, 1.0 - 1.5 * surplus))
    shrink = max(0.05, 1.0 + 3.0 * surplus)
    yield "type", weights.type * grow
    yield "leftward", weights.leftward * grow
    yield "backspace", weights.backspace * shrink
    yield "delete", weights.delete * shrink
    yield "paste", weights.paste * grow * (4.0 if surplus < -0.5 else 1.0)
    yield "replace", weights.replace
    yield "cut", weights.cut * shrink
    yield "bulk", weights.bulk if wanted >= BULK_TEXT_MIN else 0.0
    yield "undo", weights.undo if edits else 0.0


def _burst(rng: random.Random, *, plain: bool) -> str:
    return prose(rng, min(BURST_MAX, 1 + int(rng.expovariate(1.0 / (BURST_MEAN - 1)))), plain=plain)


def _size(rng: random.Random, bounds: tuple[int, int], wanted: int) -> int:
    """A length between the bounds, but at most a quarter of the text that is wanted."""
    return max(1, min(rng.randint(*bounds), wanted // 4))


def _cut(rng: random.Random, count: int, *, forward: bool = False) -> list[Step]:
    """Select and cut ``count`` code points; ``forward`` for sure, or in either direction."""
    if not forward and rng.random() >= FORWARD_SHARE:
        count = -count
    return [Step("select", count), Step("cut", count)]


def _replacement(rng: random.Random, wanted: int, *, plain: bool) -> Iterator[Step]:
    count = _size(rng, REPLACE_LENGTH, wanted)
    if rng.random() >= FORWARD_SHARE:
        count = -count
    text = prose(rng, _size(rng, REPLACE_LENGTH, wanted), plain=plain)
    yield Step("select", count)
    if rng.random() >= OVERTYPE_SHARE:
        yield Step("replace", count, text)
        return
    yield Step("replace", count, text[0])
    for character in text[1:]:
        yield Step("type", 0, character)


def _back_and_forth(rng: random.Random, *, plain: bool) -> list[Step]:
    """Some edits undone, one after another, and what comes after that."""
    depth = min(UNDO_MAX, 1 + int(rng.expovariate(1.0 / (UNDO_MEAN - 1))))
    undo, redo = Step("undo"), Step("redo")
    steps = [undo] * depth
    written = [Step("type", 0, character) for character in prose(rng, rng.randint(1, 3), plain=plain)]
    match rng.choices(("stop", "redo", "write", "write and undo"), (4, 4, 1, 2))[0]:
        case "redo":
            steps += [redo] * rng.randint(1, depth)
        case "write":  # from then on there is nothing to redo, and somebody tries
            steps += [*written, redo]
        case "write and undo":  # back over what was written, to what was there before it
            steps += [*written, *[undo] * rng.randint(1, len(written) + 1), *[redo] * rng.randint(1, depth)]
        case _:
            pass
    return steps
