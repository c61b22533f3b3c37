"""A failure as a test: a pytest file that stands beside the failure file and replays it."""

from __future__ import annotations

import json

from simulator.failures.case import Case


def replay_test(case: Case, file: str) -> str:
    """A pytest file that replays the case; it passes as soon as the failure is repaired.

    With a seeded bug it passes as long as the check finds the bug, and finds nothing without it.
    """
    name = json.dumps(file, ensure_ascii=False)
    check, bug = _identifier(case.check), _identifier(case.bug)
    if bug:
        more = "from simulator.zoo.catalogue import bug_of\n"
        test = (
            f"def test_{check}_finds_{bug}() -> None:\n"
            "    assert attempt(CASE.plan, bug_of(CASE.bug).parts()).violated(CASE.check)\n"
            "    assert not attempt(CASE.plan).violated(CASE.check)\n"
        )
    else:
        more = ""
        test = (
            f"def test_{check}_holds() -> None:\n"
            "    trial = attempt(CASE.plan)\n"
            "    assert not trial.violated(CASE.check), CASE.message\n"
        )
    return (
        "from pathlib import Path\n\n"
        "from simulator.failures.case import load_case\n"
        "from simulator.failures.trial import attempt\n"
        f"{more}\n"
        f"CASE = load_case(Path(__file__).with_name({name}))\n\n\n{test}"
    )


def _identifier(name: str) -> str:
    return "".join(c if c.isascii() and c.isalnum() else "_" for c in name)
