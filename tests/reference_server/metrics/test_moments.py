"""The moments of edits in the log of a server: all of them, in their order, and none while that is off."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import trio

from model.following import ServerMoments
from reference_server.config import Config
from reference_server.config.sections import Secret, Server
from reference_server.serve import opened_store
from reference_server.store.open import open_store
from reference_server.store.slow import SlowStore
from tests.reference_server.wire.kit import member
from tests.reference_server.wire.running import Running, config, serving

DELAY_SECONDS = 0.02
IN_ORDER = ("received_us", "turn_us", "handed_us", "commit_began_us", "committed_us", "broadcast_us")


def logged(running: Running) -> list[ServerMoments]:
    lines = [line for line in running.log.getvalue().splitlines() if json.loads(line)["event"] == "edit"]
    return [msgspec.json.decode(line, type=ServerMoments) for line in lines]


def test_each_edit_has_its_moments_in_the_log_while_that_is_on() -> None:
    async def scenario() -> None:
        async with (
            serving(monitoring={"log_edits": True}) as running,
            member(running.port, "a") as ann,
            member(running.port, "b") as bob,
        ):
            for n in range(3):
                await ann.type(f"a{n}")
                await bob.type(f"b{n}")
            await ann.settle()
            await bob.settle()
            found = logged(running)
            assert [one.revision for one in found] == list(range(1, found[-1].revision + 1))
            assert {one.site for one in found} == {"a", "b"}
            for one in found:
                moments = [getattr(one, field) for field in IN_ORDER]
                assert moments == sorted(moments)
            running.server.reload(config(monitoring={"log_edits": False}))
            await ann.type("more")
            await ann.settle()
            assert logged(running) == found

    trio.run(scenario)


def test_nothing_is_logged_of_edits_unless_somebody_wants_it() -> None:
    async def scenario() -> None:
        async with serving() as running, member(running.port, "a") as ann:
            await ann.type("a")
            await ann.settle()
            assert logged(running) == []

    trio.run(scenario)


def test_a_slow_store_is_slow_in_the_commit() -> None:
    async def scenario() -> None:
        store, catalogue = open_store("memory:")
        slow = SlowStore(store, DELAY_SECONDS)
        async with (
            serving(ports=(slow, catalogue), monitoring={"log_edits": True}) as running,
            member(running.port, "a") as ann,
        ):
            await ann.type("a")
            await ann.settle()
            (found,) = logged(running)
            assert found.committed_us - found.commit_began_us >= 1e6 * DELAY_SECONDS
            assert running.snapshot.latencies["commit"].since_start.minimum >= 1e6 * DELAY_SECONDS

    trio.run(scenario)


def test_a_store_is_slow_only_if_it_is_told_to_be(tmp_path: Path) -> None:
    for delay_ms in (0, 1):
        url = Secret(f"sqlite:///{tmp_path / 'd.db'}")
        store, catalogue = opened_store(Config(server=Server(store=url, commit_delay_ms=delay_ms)))
        assert isinstance(store, SlowStore) == bool(delay_ms)
        assert store.perform([]) == []
        catalogue.close()
        store.close()
