"""Two workers on one store; all hints to each other are lost, heads are compared, and nothing is missing."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

import pytest
import trio

from model.text import delete
from reference_server import follower
from reference_server.bus.memory import MemoryHub
from reference_server.store.transient import TransientCatalogue, TransientDatabase, TransientStore
from tests.reference_server.wire.kit import Member, member
from tests.reference_server.wire.running import Running, serving


@contextlib.asynccontextmanager
async def two_workers(hub: MemoryHub) -> AsyncIterator[tuple[Running, Running]]:
    """Two servers in this loop on one store."""
    database = TransientDatabase()
    ports = [(TransientStore(database), TransientCatalogue(database)) for _ in range(2)]
    async with serving(ports=ports[0], hub=hub) as here, serving(ports=ports[1], hub=hub) as there:
        yield here, there


async def meet(*somebody: Member) -> None:
    """Receive until all have settled at one revision."""
    for each in somebody:
        await each.settle()
    head = max(each.replica.revision or 0 for each in somebody)
    for each in somebody:
        await each.until(lambda replica=each.replica: replica.revision == head)  # type: ignore[misc]
    assert len({each.text for each in somebody}) == 1


@pytest.mark.slow
@pytest.mark.parametrize("is_up", [True, False], ids=["messages are lost", "the bus is gone"])
def test_what_no_hint_told_of_is_found_by_comparing_heads(
    is_up: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follower, "CATCH_UP_SECONDS", 0.05)

    async def scenario() -> None:
        hub = MemoryHub()
        lost: list[str] = []

        def loses(topic: str, data: bytes) -> bool:
            del data
            lost.append(topic)
            return True

        hub.loses = loses
        if not is_up:
            hub.down()
        async with (
            two_workers(hub) as (here, there),
            member(here.port, "a") as ann,
            member(there.port, "b") as bob,
        ):
            for n in range(3):
                await ann.type(f"a{n}")
                await bob.until(lambda n=n: f"a{n}" in bob.text)  # type: ignore[misc]
                await bob.type(f"b{n}")  # on a head that the other worker does not know of
                await ann.until(lambda n=n: f"b{n}" in ann.text)  # type: ignore[misc]
                await ann.type("(")
                await bob.edit(delete(len(bob.text), 0, 1))  # both at once
                await meet(ann, bob)
            assert bool(lost) == is_up
            assert here.snapshot.bus.received == there.snapshot.bus.received == 0

    trio.run(scenario)


def test_without_comparing_what_no_hint_told_of_stays_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follower, "CATCH_UP_SECONDS", 3_600.0)

    async def scenario() -> None:
        hub = MemoryHub()
        async with (
            two_workers(hub) as (here, there),
            member(here.port, "a") as ann,
            member(there.port, "b") as bob,
        ):
            await meet(ann, bob)
            hub.loses = lambda topic, data: True
            await ann.type("lost")
            await ann.settle()
            before = bob.replica.revision
            with trio.move_on_after(0.2):
                await bob.step()
            assert bob.replica.revision == before
            await there.server._reconciler.compare()
            await bob.until(lambda: bob.text == ann.text == "lost")

    trio.run(scenario)
