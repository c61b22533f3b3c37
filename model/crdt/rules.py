"""The list rule: where a new element goes among concurrent ones between its origins.

Origins are the neighbours of an element when it was inserted: ``left`` is the visible one, ``right`` the next
one after it, deleted elements counted. All rules scan from ``left`` to ``right`` and look at each element
``o`` between:

    o.left before left      the scan ends
    o.left after left       o belongs to an element looked at before, the scan goes on
    o.left == left          a sibling: the rule decides

The rules differ in siblings alone. The new element has a *candidate* place, at first right behind ``left``.

    YATA       smaller id than the new one's: the candidate moves behind it;
               else equal right origins: the scan ends; else it goes on
    FUGUEMAX   right origin further right than the new one's: the candidate moves behind it;
               nearer: the scan goes on; equal: by id, as in YATA
    FUGUE      as FUGUEMAX, but with right *parents*: one counts only if its left origin is ours too,
               otherwise it is the end of the document
    RGA        newer (lamport, id): the candidate moves behind it; else the scan ends

Sources: Nicolaescu et al., "Near real-time peer-to-peer shared editing" (GROUP 2016) for YATA; Weidner and
Kleppmann, "The art of the Fugue" (2023) for FUGUE and FUGUEMAX, whose list form is known as YjsMod; Roh et
al., "Replicated abstract data types" (JPDC 2011) for RGA.
"""

from __future__ import annotations

import enum


class Rule(enum.Enum):
    """How concurrent insertions at one place are ordered."""

    FUGUE = "fugue"
    FUGUEMAX = "fuguemax"
    YATA = "yata"
    RGA = "rga"


class ScanStep(enum.Enum):
    """What a sibling means for the scan."""

    STOP = "the scan ends, the element goes to the candidate"
    PASS = "the candidate moves behind the sibling and all that belongs to it"
    STAY = "the scan goes on, the candidate stays unless a later sibling moves it"


def sibling_step(rule: Rule, *, is_older: bool, is_smaller: bool, right: int) -> ScanStep:
    """What ``rule`` says of a sibling ``o`` of the new element.

    Args:
        rule: the list rule.
        is_older: whether (lamport, id) of ``o`` is smaller than the new element's.
        is_smaller: whether the id of ``o`` is smaller than the new element's.
        right: -1, 0 or 1 as the right origin (FUGUE: right parent) of ``o`` lies before, at or behind the new
            element's.
    """
    match rule:
        case Rule.RGA:
            return ScanStep.STOP if is_older else ScanStep.PASS
        case Rule.YATA:
            if is_smaller:
                return ScanStep.PASS
            return ScanStep.STAY if right else ScanStep.STOP
        case Rule.FUGUE | Rule.FUGUEMAX:
            if right:
                return ScanStep.STAY if right < 0 else ScanStep.PASS
            return ScanStep.PASS if is_smaller else ScanStep.STOP
