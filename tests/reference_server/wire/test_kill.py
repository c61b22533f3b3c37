from __future__ import annotations

import random
from pathlib import Path

import pytest
import trio

from model.text import delete, insert
from tests.reference_server.wire.kit import Member, connection, member
from tests.reference_server.wire.process import Process, process
from tests.reference_server.wire.running import token
from tests.waiting import happens

pytestmark = pytest.mark.slow

MEMBERS = 6
KILLS = 3


class Author:
    """Types and deletes as fast as it is acknowledged, and comes back whenever the server is there."""

    def __init__(self, number: int, server: Process) -> None:
        self.member = Member(f"s{number}", token(f"s{number}"))
        self.acknowledged = 0
        self.is_done = False
        self._random = random.Random(number)
        self._server = server

    @property
    def sign(self) -> str:
        return f"<{self.member.replica.site}>"

    async def run(self) -> None:
        """Work until told that it is enough, then settle; over as many connections as it takes."""
        while not (self.is_done and self.member.replica.is_settled and self.member.client):
            try:
                async with connection(self._server.port) as client:
                    await self.member.join(client)
                    await self._work()
            except (OSError, AssertionError, trio.BrokenResourceError):
                self.member.leave()
                await self._offline()

    async def _work(self) -> None:
        replica = self.member.replica
        while True:
            if self.is_done and replica.is_settled:
                return
            if not self.is_done and replica.is_settled:
                await self._edit()
            if not await self.member.step():
                return

    async def _offline(self) -> None:
        await trio.sleep(0.05)
        if not self.is_done and self.member.replica.revision is not None and self._random.random() < 0.5:
            await self._edit()

    async def _edit(self) -> None:
        length = len(self.member.text)
        if length > 2_000:
            await self.member.edit(delete(length, self._random.randrange(length - 500), 400))
        else:
            await self.member.edit(insert(length, self._random.randint(0, length), self.sign))


def test_what_was_acknowledged_survives_kills_and_everybody_converges(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with process(tmp_path) as server:
            authors = [Author(n, server) for n in range(MEMBERS)]
            replicas = [author.member.replica for author in authors]
            async with trio.open_nursery() as nursery:
                for author in authors:
                    nursery.start_soon(author.run)
                for kill in range(KILLS):
                    goal = sum(replica.acknowledged for replica in replicas) + 60
                    await happens(lambda goal=goal: sum(r.acknowledged for r in replicas) >= goal)  # type: ignore[misc]
                    before = {r.site: (r.acknowledged, r.revision or 0) for r in replicas}
                    await server.kill()
                    await server.start()
                    async with member(server.port, f"reader-{kill}") as reader:
                        head = reader.replica.revision or 0
                        assert head >= max(revision for _, revision in before.values()), "revisions are lost"
                for author in authors:
                    author.is_done = True
            # All are settled; whoever was first has not seen the last edits of the others.
            async with member(server.port, "reader") as reader:
                for author in authors:
                    async with connection(server.port) as client:
                        await author.member.join(client)
                        await author.member.until(
                            lambda r=author.member.replica: r.revision >= (reader.replica.revision or 0)  # type: ignore[misc]
                        )
                        assert author.member.text == reader.text
                        replica = author.member.replica
                        assert replica.acknowledged == replica.sequence > 10

    trio.run(scenario)
