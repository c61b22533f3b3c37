from __future__ import annotations

import pytest
import trio

from model.identity import DocumentId
from model.protocol import ErrorCode, Failure, Hello, Join, Joined, Renew, Renewed, Welcome
from tests.reference_server.wire.kit import Client, check_alive, connection, http, member
from tests.reference_server.wire.running import serving, token

EXPIRED_WITHIN_THE_LEEWAY = 0
"""Seconds: such a token is still taken, and is warned of at once."""


def test_a_token_is_renewed_in_band() -> None:
    async def scenario() -> None:
        async with serving() as running, connection(running.port) as client:
            welcome = await client.greet(token("ann", seconds=60))
            assert isinstance(welcome, Welcome)
            assert 0 < (welcome.expires_in_ms or 0) <= 60_000
            await client.say(Join(DocumentId("notes"), 1))
            assert isinstance(await client.hear(), Joined)
            await client.say(Renew(token("ann", seconds=600)))
            renewed = await client.hear()
            assert isinstance(renewed, Renewed)
            assert 60_000 < (renewed.expires_in_ms or 0) <= 600_000

    trio.run(scenario)


def test_an_expired_token_is_warned_of_and_then_closes() -> None:
    async def scenario() -> None:
        async with serving(authentication={"renew_grace_seconds": 2}) as running:
            async with connection(running.port) as client:
                assert isinstance(
                    await client.enter(token("ann", seconds=EXPIRED_WITHIN_THE_LEEWAY)), Joined | Failure
                )
                warning = await _warning(client)
                assert not warning.fatal
                assert warning.retry_after_ms == 2_000
                await client.refused(ErrorCode.TOKEN_EXPIRED, 4411)
            await check_alive(running.port)
            assert running.snapshot.errors == {"token_expired": 1}
            assert running.snapshot.closes[4411] == 1

    trio.run(scenario)


async def _warning(client: Client) -> Failure:
    for _, data in client.received:
        if b'"token_expired"' in data:
            return Failure(ErrorCode.TOKEN_EXPIRED, "", False, 2_000)
    return await client.failure()


def test_who_renews_in_time_stays() -> None:
    async def scenario() -> None:
        async with (
            serving(authentication={"renew_grace_seconds": 3}) as running,
            member(running.port, "b") as bob,
            connection(running.port) as client,
        ):
            await client.enter(token("ann", seconds=EXPIRED_WITHIN_THE_LEEWAY))
            await _warning(client)
            await client.say(Renew(token("ann")))
            while not isinstance(await client.hear(), Renewed):
                pass
            # A connection that does not renew, opened later, is closed; this one is still there.
            async with connection(running.port) as other:
                await other.enter(token("cyd", seconds=EXPIRED_WITHIN_THE_LEEWAY))
                assert await other.closed() == 4411
            await bob.type("still here")
            while await client.hear() is not None and b"still here" not in client.received[-1][1]:
                pass
            assert client.code is None

    trio.run(scenario)


def test_tokens_that_are_no_good_are_refused() -> None:
    async def scenario() -> None:
        async with serving() as running:
            good = token("ann")
            head, payload, signature = good.split(".")
            for bad, error, code in [
                ("", ErrorCode.UNAUTHENTICATED, 4401),
                ("x", ErrorCode.UNAUTHENTICATED, 4401),
                ("a.b.c", ErrorCode.UNAUTHENTICATED, 4401),
                (good + "x" * 100_000, ErrorCode.UNAUTHENTICATED, 4401),
                (f"{head}.{payload}.{signature[::-1]}", ErrorCode.UNAUTHENTICATED, 4401),
                (f"eyJhbGciOiJub25lIn0.{payload}.", ErrorCode.UNAUTHENTICATED, 4401),
                (
                    token("ann", secret="another secret, which is longer than 32"),
                    ErrorCode.UNAUTHENTICATED,
                    4401,
                ),
                (token("ann", seconds=-60), ErrorCode.TOKEN_EXPIRED, 4411),
            ]:
                async with connection(running.port) as client:
                    await client.say(Hello(1, "site", bad))  # type: ignore[arg-type]
                    await client.refused(error, code)
            async with connection(running.port) as client:  # somebody else's token does not renew this one
                await client.enter(token("ann"))
                await client.say(Renew(token("bob")))
                await client.refused(ErrorCode.UNAUTHENTICATED, 4401)
            await check_alive(running.port)
            assert running.snapshot.counts.authentications_refused == 8
            assert good not in running.log.getvalue()

    trio.run(scenario)


@pytest.mark.slow
def test_revoking_a_token_closes_its_connections_and_no_others() -> None:
    async def scenario() -> None:
        async with serving() as running:
            first, second = token("ann"), token("ann")
            async with (
                member(running.port, "a", first) as ann,
                member(running.port, "b", second) as bob,
                connection(running.port) as silent,
            ):
                await silent.greet(first)
                async with http(running.port, first) as rest:
                    done = await rest.post("/api/auth/revoke", json={"token": first})
                    assert done.is_success, done.text
                assert ann.client is not None
                await ann.client.refused(ErrorCode.TOKEN_REVOKED, 4412)
                await silent.refused(ErrorCode.TOKEN_REVOKED, 4412)
                await bob.type("still here")
                await bob.settle()
                async with connection(running.port) as client:
                    await client.say(Hello(1, "again", first))  # type: ignore[arg-type]
                    await client.refused(ErrorCode.TOKEN_REVOKED, 4412)

    trio.run(scenario)
