"""A client whose process dies at any moment comes back with all that it typed and was told is durable."""

from __future__ import annotations

import pytest

from tests.loadgen.stage import MS, SECOND, UP_US, Stage

EDITS = 6
EVERY_US = 20 * MS  # shorter than a round trip, so that more is pending when an answer comes


@pytest.mark.parametrize("begin_us", range(0, UP_US, MS))
def test_a_restarted_client_forgets_nothing(begin_us: int) -> None:
    for crash_us in range(2 * SECOND + begin_us, 2 * SECOND + EDITS * EVERY_US + 4 * UP_US, UP_US):
        stage = Stage()
        user, typist = stage.users[0], stage.typists[0]
        for n in range(EDITS):
            stage.type_at(user, 2 * SECOND + n * EVERY_US)
            stage.type_at(stage.users[1], 2 * SECOND + n * EVERY_US + 7 * MS)
        stage.clock.run_until(crash_us, inclusive=True)
        acknowledged, typed = user.dialect.engine.acknowledged, typist.typed

        user.crash()
        assert not user.is_editable
        stage.clock.run_until(crash_us + 100 * MS)
        user.restart()
        assert user.dialect.engine.sequence == len(typed) >= acknowledged
        assert sorted(c for c in user.text if c in typed) == sorted(typed)

        stage.clock.run_until(5 * SECOND)
        assert user.is_settled
        assert user.dialect.engine.acknowledged == len(typist.typed)
        assert sorted(user.text) == sorted(typist.typed + stage.typists[1].typed)
        assert {each.text for each in stage.users} == {user.text}
