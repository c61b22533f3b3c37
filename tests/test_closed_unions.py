"""An event or effect of the core that somebody does not handle is an error before anything runs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from simulator.children import group

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
EFFECTS = "reference_server/core/effects.py"
INTERPRETERS = {
    str(path.relative_to(ROOT))
    for folder in ("reference_server", "simulator", "loadgen")
    for path in (ROOT / folder).rglob("*.py")
    if " match effect:" in (text := path.read_text(encoding="utf-8")) and "super()._perform" not in text
}
"""Whoever carries out what the core asks for, other than by leaving the rest to one of these."""


@pytest.mark.parametrize(
    ("union", "handlers"), [("Event", {"reference_server/core/gateway.py"}), ("Effect", INTERPRETERS)]
)
def test_a_new_member_has_to_be_handled_everywhere(tmp_path: Path, union: str, handlers: set[str]) -> None:
    head, alias, tail = (ROOT / EFFECTS).read_text(encoding="utf-8").partition(f"{union}: TypeAlias = (\n")
    planted = tmp_path / "effects.py"
    planted.write_text(f"{head}class Planted(NamedTuple):\n    pass\n\n\n{alias}    Planted |{tail}")
    done = subprocess.run(
        [
            *(
                sys.executable,
                "-m",
                "mypy",
                "--follow-imports=silent",
                "--cache-dir",
                str(tmp_path / "cache"),
            ),
            *("--shadow-file", EFFECTS, str(planted), *sorted(handlers)),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        process_group=group(),
    )
    found = {line.partition(":")[0] for line in done.stdout.splitlines() if "Planted" in line}
    assert found == handlers, done.stdout + done.stderr


def test_the_server_the_simulator_and_the_arena_carry_out_effects() -> None:
    assert {path.partition("/")[0] for path in INTERPRETERS} == {"reference_server", "simulator"}
    assert len(INTERPRETERS) >= 3
