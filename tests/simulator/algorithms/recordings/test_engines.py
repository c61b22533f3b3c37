"""Every engine and one session: who shows what, and what is a problem."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from model.crdt.replicas import ALGORITHMS
from model.crdt.rules import Rule
from simulator.algorithms.recordings import engines
from simulator.algorithms.recordings.engines import (
    ENGINES,
    Replayed,
    problems,
    replay_with,
    replay_with_all,
)
from simulator.algorithms.recordings.plain import PlainReplay
from simulator.algorithms.texts import group_letters
from simulator.workload.traces import Patch, Trace, TraceError, Transaction, read_trace

NAMES = ["jupiter", *(f"eg-walker ({rule.value})" for rule in Rule), *ALGORITHMS]


def both_at_once(end: str) -> Trace:
    """Two authors type one character each at one place."""
    recorded = tuple(Transaction(n, (), (Patch(0, 0, c),), None) for n, c in enumerate("xy"))
    return Trace("hand", "concurrent", "", end, ("agent 0", "agent 1"), recorded)


def shown(engine: str, text: str | None, order: str = "", *, converged: bool = True) -> Replayed:
    return Replayed(engine, order or engine, text, converged, f"what {engine} says")


def test_all_of_them() -> None:
    session = both_at_once("xy")
    outcomes = list(replay_with_all(session))
    assert [outcome.engine for outcome in outcomes] == NAMES
    texts = {outcome.engine: outcome.text for outcome in outcomes}
    assert texts["eg-walker (rga)"] == texts["rga"] == "yx"
    assert {texts[engine] for engine in NAMES if "rga" not in engine and engine != "logoot"} == {"xy"}
    assert group_letters(o.text for o in outcomes)[:6] == list("AAAABA")
    assert problems(outcomes, session.end) == []
    rga = outcomes[NAMES.index("rga")]
    assert rga.sentence == "hand: rga shows the recorded characters in another order, its own, from 0 on"


def test_the_walker_takes_a_rule() -> None:
    for rule in Rule:
        outcome = replay_with("eg-walker", both_at_once("xy"), rule)
        assert outcome.text == ("yx" if rule is Rule.RGA else "xy")
        assert outcome.engine == f"eg-walker ({rule.value})"
        assert outcome.detail == "2 of 2 events contended"


def test_another_text_is_told_with_its_place() -> None:
    outcome = replay_with("fugue", both_at_once("xz"))
    assert outcome.sentence == "hand: fugue shows another text than the recorded one from 1 on"
    assert not outcome.shows("xz")


def test_a_patch_that_fits_no_text_is_refused_by_everybody() -> None:
    odd = both_at_once("")
    odd = msgspec.structs.replace(
        odd, transactions=(*odd.transactions, Transaction(0, (0, 1), (Patch(2, 1, ""),), None))
    )
    for engine in ENGINES:
        with pytest.raises(TraceError, match=r"^hand: "):
            replay_with(engine, odd)
    assert all(outcome.text is None and outcome.sentence for outcome in replay_with_all(odd))


def test_replicas_that_differ_are_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "play_trace", lambda *_: PlainReplay(("xy", "yx"), 2))
    outcome = replay_with("fugue", both_at_once("xy"))
    assert outcome.sentence == "hand: the replicas of agent 0, agent 1 differ by fugue"
    assert problems([outcome], "xy") == [outcome.sentence, "no engine shows the recorded text"]


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [
        ([shown("a", "x"), shown("b", "y"), shown("c", None)], []),
        ([shown("a", "y"), shown("b", None)], ["no engine shows the recorded text"]),
        (
            [shown("a", "x", "same"), shown("b", "y", "same")],
            ["a and b have one order and show different texts"],
        ),
        ([shown("a", "x"), shown("b", "x", converged=False)], ["what b says"]),
    ],
)
def test_problems(outcomes: list[Replayed], expected: list[str]) -> None:
    assert problems(outcomes, "x") == expected


@pytest.mark.slow
def test_two_people_by_every_engine(data: Path) -> None:
    """Who orders by names agrees, as long as there is no tie that RGA or Logoot breaks in another way."""
    session = read_trace(data / "traces" / "friendsforever.json.gz")
    session = msgspec.structs.replace(session, transactions=session.transactions[:3_000])
    outcomes = list(replay_with_all(session))
    assert group_letters(o.text for o in outcomes) == ["A"] * len(NAMES)
    assert all(outcome.converged for outcome in outcomes)


def test_logoot_interleaves() -> None:
    """Two words typed at once at one place: where each character goes is drawn."""
    recorded = [
        Transaction(n, (2 * at + n - 2,) if at else (), (Patch(at, 0, word[at]),), None)
        for at in range(6)
        for n, word in enumerate(("abcdef", "uvwxyz"))
    ]
    session = Trace("hand", "concurrent", "", "abcdefuvwxyz", ("A", "B"), tuple(recorded))
    assert {replay_with(engine, session).text for engine in ENGINES if engine not in ("rga", "logoot")} == {
        session.end
    }
    logoot = replay_with("logoot", session)
    assert logoot.text not in ("abcdefuvwxyz", "uvwxyzabcdef")
    assert "shows the recorded characters in another order, its own," in logoot.sentence


@pytest.mark.slow
def test_two_hundred_people_are_too_many_for_most(data: Path) -> None:
    session = read_trace(data / "traces" / "node_nodecc.json.gz")
    for engine in ENGINES:
        if engine != "eg-walker":
            with pytest.raises(TraceError, match=r"194 authors|947,337 events times 194 replicas"):
                replay_with(engine, session)


def test_every_engine_takes_halves_of_pairs(tmp_path: Path) -> None:
    """Positions that count UTF-16 units, and a pair that is typed in two patches."""
    path = tmp_path / "halves.json"
    patches = [[2, 0, "\ud83d"], [3, 0, "\ude00"], [0, 2, ""]]
    content = {"startContent": "𝒳", "endContent": "😀", "txns": [{"patches": patches}]}
    path.write_text(json.dumps(content))
    session = read_trace(path, "utf-16")
    outcomes = list(replay_with_all(session))
    assert [outcome.engine for outcome in outcomes if not outcome.shows(session.end)] == []
