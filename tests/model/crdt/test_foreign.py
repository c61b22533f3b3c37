"""Other people's libraries as oracles, where they order as one of our rules does.

* loro orders as FUGUE, ids by peer number.
* Yjs (pycrdt) orders as YATA, ids by client number, as long as nothing is deleted: where it inserts next to
  deleted elements, the last one of those is its left origin, not the visible element before them.
"""

from __future__ import annotations

from typing import TypeVar

import loro
import pycrdt
import pytest
from hypothesis import given

from model.crdt.rules import Rule
from model.crdt.walker import replay
from tests.model.crdt.histories import Action, History, actions, play

pytestmark = pytest.mark.slow


class Loro:
    def __init__(self, number: int) -> None:
        self.document = loro.LoroDoc()  # type: ignore[no-untyped-call]
        self.document.peer_id = number + 1
        self.content = self.document.get_text("text")

    @property
    def text(self) -> str:
        return self.content.to_string()

    def splice(self, position: int, deleted: int, inserted: str) -> None:
        self.content.splice(position, deleted, inserted)
        self.document.commit()

    def merge(self, other: Loro) -> None:
        self.document.import_(other.document.export(loro.ExportMode.Updates(self.document.oplog_vv)))


class Yjs:
    def __init__(self, number: int) -> None:
        self.document: pycrdt.Doc[pycrdt.Text] = pycrdt.Doc(client_id=number + 1)
        self.content = self.document.get("text", type=pycrdt.Text)

    @property
    def text(self) -> str:
        return str(self.content)

    def splice(self, position: int, deleted: int, inserted: str) -> None:
        del self.content[position : position + deleted]
        self.content.insert(position, inserted)

    def merge(self, other: Yjs) -> None:
        self.document.apply_update(other.document.get_update(self.document.get_state()))


Foreign = TypeVar("Foreign", Loro, Yjs)


def played(history: History, replicas: list[Foreign]) -> str:
    """The text of all events after the foreign replicas took the same steps."""
    for step in history.steps:
        if step.patch is not None:
            replicas[step.replica].splice(*step.patch)
        elif step.other is not None and step.other != step.replica:
            replicas[step.replica].merge(replicas[step.other])
    for other in replicas[1:]:
        replicas[0].merge(other)
    return replicas[0].text


@given(actions())
def test_loro_is_fugue(script: list[Action]) -> None:
    history = play(Rule.FUGUE, script)
    assert replay(history.graph, Rule.FUGUE) == played(history, [Loro(number) for number in range(8)])


@given(actions())
def test_yjs_is_yata_while_nothing_is_deleted(script: list[Action]) -> None:
    history = play(Rule.YATA, [action for action in script if action.kind not in ("delete", "backspace")])
    assert replay(history.graph, Rule.YATA) == played(history, [Yjs(number) for number in range(8)])
