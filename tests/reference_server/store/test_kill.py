"""A process that acknowledges commits is killed at some moment: what it acknowledged is there afterwards."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from reference_server.core.effects import Progress
from reference_server.store.open import open_store
from simulator.children import group
from tests.conftest import ROOT
from tests.numbers import seq
from tests.reference_server.store.requests import A, D, load, row

pytestmark = pytest.mark.slow

ROUNDS = 5

# Appends for ever, in commits of several rows, with a snapshot now and then; each line is an acknowledgement.
WRITER = """
import sys
from reference_server.core.effects import Committed, Snapshot
from reference_server.store.open import open_store
from tests.reference_server.store.requests import D, append, load

store, catalogue = open_store(sys.argv[1])
contents = load(store)
head = contents.rows[-1].revision if contents.rows else contents.revision
while True:
    requests = [append(head), append(head + 1, 2)]
    if head % 30 == 0 and head:
        requests.append(Snapshot(D, head, "x" * head, head - 10))
    answers = store.perform(requests)
    assert all(isinstance(answer.outcome, Committed) for answer in answers), answers
    head += 3
    sys.stdout.write(f"{head}\\n")
    sys.stdout.flush()
"""


@pytest.mark.parametrize("dialect", ["sqlite", "postgres"])
def test_what_was_acknowledged_is_there_after_sigkill(
    dialect: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    url = f"sqlite:///{tmp_path}/documents.db"
    if dialect == "postgres":
        url = request.getfixturevalue("database_url")
    rng = random.Random(dialect)
    acknowledged = 0
    for _ in range(ROUNDS):
        process = subprocess.Popen(
            [sys.executable, "-c", WRITER, url],
            stdout=subprocess.PIPE,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            process_group=group(),
        )
        assert process.stdout is not None
        with process, process.stdout as lines:
            assert lines.readline()  # it runs
            time.sleep(rng.uniform(0, 0.1))  # anywhere in a commit
            process.send_signal(signal.SIGKILL)
            heard = lines.read().split(b"\n")[:-1]  # what is left of a last line was not said
        assert process.returncode == -signal.SIGKILL
        acknowledged = int(heard[-1]) if heard else acknowledged
        store, catalogue = open_store(url)
        contents = load(store)
        head = contents.progress[A].revision
        assert head >= acknowledged
        assert head % 3 == 0  # a commit is there whole or not at all
        assert contents.progress == {A: Progress(0, seq(head), head)}
        assert contents.rows == tuple(row(n) for n in range(contents.trimmed + 1, head + 1))
        assert catalogue.contents(D) == (head, "x" * head)
        store.close()
        catalogue.close()
    assert acknowledged > ROUNDS
