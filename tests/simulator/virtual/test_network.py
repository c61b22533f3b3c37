from __future__ import annotations

import random
from itertools import pairwise
from typing import Any

import pytest

from reference_server.core.limits import CLOSE_TRY_AGAIN
from simulator.planning.scenario import NetworkSettings, Region
from simulator.virtual.clock import Clock
from simulator.virtual.connection import Connection, Path
from simulator.virtual.network import CLOSE_ABNORMAL, Network
from simulator.virtual.witness import Shows, Symptom, Witness

MS = 1_000


class Laptop:
    """An endpoint that notes when it got what."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.path = Path("laptop", clock)
        self.reads_slowly = False
        self.connection: Connection | None = None
        self.got: list[bytes] = []
        self.got_us: list[int] = []
        self.carried_us: list[int] = []
        self.codes: list[int] = []
        self.broken_us = 0

    def opened(self, connection: Connection) -> None:
        self.connection = connection

    def received(self, connection: Connection, data: bytes) -> None:
        self.got.append(data)
        self.got_us.append(self.clock.now_us)

    def carried(self, connection: Connection, data: bytes) -> None:
        self.carried_us.append(connection.up_us)

    def garbled(self, connection: Connection, direction: str) -> None:
        raise AssertionError("nobody garbles anything here")

    def broken(self, connection: Connection | None, code: int) -> None:
        self.codes.append(code)
        self.broken_us = self.clock.now_us


class Host:
    """The server's side, which notes the same."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.accepts = True
        self.opens: list[Connection] = []
        self.got: list[bytes] = []
        self.closed_us: list[int] = []

    def opened(self, connection: Connection) -> None:
        self.opens.append(connection)

    def received(self, connection: Connection, data: bytes) -> None:
        self.got.append(data)

    def closed(self, connection: Connection) -> None:
        self.closed_us.append(self.clock.now_us)


class Setup:
    """One laptop, one host, and the network between them; a round trip is 20 ms."""

    def __init__(self, *, accepts: bool = True, outbox_bytes_max: int = 1_000_000, **settings: Any) -> None:
        self.clock = Clock()
        region = Region("here", 1.0, 10 * MS, settings.pop("jitter_us", 0))
        self.plan = NetworkSettings((region,), **settings)
        self.host = Host(self.clock)
        self.witness = Witness(self.clock)
        self.network = Network(self.clock, self.plan, outbox_bytes_max, self.witness)
        self.laptop = Laptop(self.clock)
        self.host.accepts = accepts

    def open(self) -> Connection:
        """An open connection, at 100 ms or later."""
        self.ask()
        self.clock.run_until(100 * MS)
        assert self.laptop.connection is not None
        return self.laptop.connection

    def ask(self) -> None:
        self.network.open(self.laptop, 0, random.Random(1), self.host)

    def pass_ms(self, ms: float) -> None:
        self.clock.run_until(self.clock.now_us + int(ms * MS))

    def block(
        self, *, up: bool = True, down: bool = True, keep_alive: bool = True, by: str = "fault"
    ) -> None:
        self.laptop.path.block(by, up=up, down=down)
        for connection in self.laptop.path.connections.values():
            self.network.blocked(connection, random.Random(2), keep_alive=keep_alive)

    def free(self, *, by: str = "fault") -> None:
        self.laptop.path.free(by)
        for connection in list(self.laptop.path.connections.values()):
            self.network.released(connection)


def lines(count: int) -> list[bytes]:
    return [b"%03d" % n for n in range(count)]


# --- messages ---------------------------------------------------------------------------------------------


def test_a_message_takes_the_latency_and_the_time_of_its_bytes() -> None:
    setup = Setup(bandwidth_bytes_per_second=1_000)
    connection = setup.open()
    begin_us = setup.clock.now_us
    setup.network.send_down(connection, b"x" * 50, 0)
    setup.network.send_down(connection, b"x" * 50, 0)
    setup.pass_ms(1_000)
    assert [at - begin_us for at in setup.laptop.got_us] == [60 * MS, 110 * MS]


def test_what_the_server_sends_leaves_after_its_service_time() -> None:
    setup = Setup()
    connection = setup.open()
    begin_us = setup.clock.now_us
    setup.network.send_down(connection, b"", 7 * MS)
    setup.pass_ms(100)
    assert setup.laptop.got_us == [begin_us + 17 * MS]


def test_messages_stay_in_order_whatever_the_jitter() -> None:
    setup = Setup(jitter_us=30 * MS)
    connection = setup.open()
    for data in lines(200):
        setup.network.send_up(connection, data)
        setup.network.send_down(connection, data, 0)
        setup.pass_ms(1)
    setup.pass_ms(2_000)
    assert setup.host.got == setup.laptop.got == lines(200)
    pauses = [b - a for a, b in pairwise(setup.laptop.got_us)]
    assert len(set(pauses)) > 5  # the jitter was there


# --- opening and closing ----------------------------------------------------------------------------------


def test_a_connection_opens_after_two_round_trips() -> None:
    setup = Setup()
    setup.ask()
    setup.pass_ms(40)
    assert not setup.host.opens
    setup.pass_ms(1)
    assert setup.host.opens == [setup.laptop.connection]


@pytest.mark.parametrize("reason", ["down", "blocked up", "blocked down"])
def test_an_attempt_that_nobody_answers_is_given_up(reason: str) -> None:
    setup = Setup(accepts=reason != "down", connect_timeout_us=500 * MS)
    setup.block(up=reason == "blocked up", down=reason == "blocked down")
    setup.ask()
    setup.pass_ms(539)
    assert not setup.laptop.codes
    setup.pass_ms(2)
    assert setup.laptop.codes == [CLOSE_ABNORMAL]
    assert not setup.host.opens
    assert not setup.laptop.path.connections


def test_the_client_closes_after_what_it_has_sent() -> None:
    setup = Setup(jitter_us=20 * MS)
    connection = setup.open()
    for data in lines(10):
        setup.network.send_up(connection, data)
    setup.network.close_from_client(connection)
    setup.network.send_up(connection, b"too late")
    setup.network.send_down(connection, b"nobody is there", 0)
    setup.pass_ms(1_000)
    assert setup.host.got == lines(10)
    assert len(setup.host.closed_us) == 1
    assert not setup.laptop.got
    assert not setup.laptop.codes  # it knows
    assert not setup.laptop.path.connections


def test_the_server_closes_after_what_it_has_sent() -> None:
    setup = Setup(jitter_us=20 * MS)
    connection = setup.open()
    for data in lines(10):
        setup.network.send_down(connection, data, 0)
    setup.network.close_from_server(connection, 4409)
    setup.network.send_down(connection, b"too late", 0)
    setup.network.send_up(connection, b"nobody is there")
    setup.pass_ms(1_000)
    assert setup.laptop.got == lines(10)
    assert setup.laptop.codes == [4409]
    assert not setup.host.got
    assert not setup.laptop.path.connections


def test_a_reset_reaches_the_client_and_nothing_else_reaches_the_server() -> None:
    setup = Setup()
    connection = setup.open()
    setup.network.send_up(connection, b"on its way")
    setup.network.reset(connection)
    setup.pass_ms(9)
    assert not setup.laptop.codes
    setup.pass_ms(2)
    assert setup.laptop.codes == [CLOSE_ABNORMAL]
    assert not setup.host.got
    assert not setup.host.closed_us  # there is nobody left to tell


# --- blocks -----------------------------------------------------------------------------------------------


def test_a_block_holds_and_its_end_delivers_in_order() -> None:
    setup = Setup()
    connection = setup.open()
    setup.network.send_up(connection, b"000")  # is on its way when the block begins
    setup.network.send_down(connection, b"000", 0)
    setup.block(keep_alive=False)
    watch = setup.witness.watch(Shows((Symptom.HELD_UP, Symptom.HELD_DOWN)), ["laptop"], 0)
    for data in lines(5)[1:]:
        setup.network.send_up(connection, data)
        setup.network.send_down(connection, data, 0)
    setup.pass_ms(5_000)
    assert not setup.host.got
    assert not setup.laptop.got
    assert watch.affected == 10
    setup.free()
    setup.network.send_up(connection, b"005")
    setup.network.send_down(connection, b"005", 0)
    setup.pass_ms(100)
    assert setup.host.got == setup.laptop.got == lines(6)
    assert not setup.laptop.codes


@pytest.mark.parametrize("way", ["up", "down"])
def test_one_way_blocks_leave_the_other_way_alone(way: str) -> None:
    setup = Setup()
    connection = setup.open()
    setup.block(up=way == "up", down=way == "down", keep_alive=False)
    setup.network.send_up(connection, b"up")
    setup.network.send_down(connection, b"down", 0)
    setup.pass_ms(100)
    assert (setup.host.got, setup.laptop.got) == (([], [b"down"]) if way == "up" else ([b"up"], []))
    setup.free()
    setup.pass_ms(100)
    assert (setup.host.got, setup.laptop.got) == ([b"up"], [b"down"])


def test_a_block_beyond_the_keep_alive_breaks_both_sides_and_loses_what_was_on_its_way() -> None:
    setup = Setup(keep_alive_us=1_000 * MS)
    connection = setup.open()
    setup.block()
    setup.network.send_up(connection, b"lost")
    setup.network.send_down(connection, b"lost", 0)
    setup.pass_ms(499)
    assert connection.client_open
    assert connection.server_open
    setup.pass_ms(1_002)
    assert setup.laptop.codes == [CLOSE_ABNORMAL]
    assert len(setup.host.closed_us) == 1
    assert setup.laptop.broken_us != setup.host.closed_us[0]  # each side has its own patience
    setup.free()
    setup.pass_ms(5_000)
    assert not setup.host.got
    assert not setup.laptop.got
    assert setup.laptop.codes == [CLOSE_ABNORMAL]
    assert not setup.laptop.path.connections


def test_a_path_that_comes_and_goes_faster_than_the_keep_alive_breaks_nothing() -> None:
    setup = Setup(keep_alive_us=1_000 * MS)
    connection = setup.open()
    for _ in range(40):
        setup.block()
        setup.pass_ms(300)
        setup.free()
        setup.pass_ms(10)
    assert connection.client_open
    assert connection.server_open


def test_two_blocks_end_with_the_second() -> None:
    setup = Setup()
    connection = setup.open()
    setup.block(keep_alive=False)
    setup.block(keep_alive=False, by="another")
    setup.network.send_up(connection, b"x")
    setup.pass_ms(100)
    setup.laptop.path.free("another")
    assert setup.laptop.path.is_blocked
    assert setup.laptop.path.blocks == 1
    setup.free()
    assert not setup.laptop.path.is_blocked
    assert setup.host.got == [b"x"]


# --- half-open connections --------------------------------------------------------------------------------


def test_the_server_learns_at_the_end_of_a_block_that_the_client_has_gone() -> None:
    setup = Setup(keep_alive_us=60_000 * MS)
    connection = setup.open()
    setup.block()
    setup.network.send_up(connection, b"before it left")
    setup.pass_ms(50)
    setup.network.close_from_client(connection)
    setup.pass_ms(1_000)
    assert connection.server_open
    setup.free()
    setup.pass_ms(50)
    assert not connection.server_open
    assert setup.host.got == [b"before it left"]
    assert len(setup.host.closed_us) == 1


def test_a_close_that_meets_a_block_on_its_way_is_heard_at_its_end() -> None:
    setup = Setup(keep_alive_us=60_000 * MS)
    connection = setup.open()
    setup.network.close_from_client(connection)
    setup.block()
    setup.pass_ms(1_000)
    assert connection.server_open
    setup.free()
    setup.pass_ms(50)
    assert not connection.server_open


@pytest.mark.parametrize("end", ["close", "reset"])
def test_the_client_learns_at_the_end_of_a_block_that_the_server_has_gone(end: str) -> None:
    # The block is shorter than anybody's patience: nothing but its end can tell.
    setup = Setup(keep_alive_us=60_000 * MS)
    connection = setup.open()
    setup.block(keep_alive=False)
    setup.pass_ms(50)
    if end == "close":
        setup.network.close_from_server(connection, CLOSE_TRY_AGAIN)
    else:
        setup.network.reset(connection)
    setup.pass_ms(1_000)
    assert not setup.laptop.codes
    setup.free()
    setup.pass_ms(50)
    assert setup.laptop.codes == [CLOSE_TRY_AGAIN if end == "close" else CLOSE_ABNORMAL]
    assert not setup.laptop.path.connections


def test_a_client_whose_server_lost_patience_alone_finds_out_by_itself() -> None:
    setup = Setup(keep_alive_us=1_000 * MS)
    connection = setup.open()
    setup.laptop.path.block("fault", up=True, down=True)
    setup.network.blocked(connection, FirstPatient(), keep_alive=True)
    setup.pass_ms(600)
    assert not connection.server_open
    setup.free()
    setup.pass_ms(1_000)
    assert setup.laptop.codes == [CLOSE_ABNORMAL]


class FirstPatient(random.Random):
    """The first draw is large, the ones after it are not: the client waits longer than the server."""

    _drawn = False

    def random(self) -> float:
        drawn, self._drawn = self._drawn, True
        return 0.0 if drawn else 0.9


# --- slow readers -----------------------------------------------------------------------------------------


def test_a_reset_that_loses_what_waits_for_a_slow_reader_leaves_no_gap() -> None:
    setup = Setup()
    connection = setup.open()
    setup.laptop.reads_slowly = True
    setup.network.send_down(connection, b"first", 0)
    setup.pass_ms(15)
    setup.network.send_down(connection, b"second", 0)
    setup.pass_ms(1)
    setup.network.reset(connection)
    setup.laptop.reads_slowly = False
    setup.pass_ms(15)
    assert setup.laptop.got == []
    assert setup.laptop.codes == [CLOSE_ABNORMAL]


def test_a_slow_reader_gets_what_it_reads_in_order() -> None:
    setup = Setup()
    connection = setup.open()
    setup.laptop.reads_slowly = True
    for data in lines(6):
        setup.network.send_down(connection, data, 0)
    setup.pass_ms(100)
    assert not setup.laptop.got
    assert setup.network.read(connection, 8) == 6
    assert setup.laptop.got == lines(2)
    setup.laptop.reads_slowly = False
    setup.network.send_down(connection, b"006", 0)
    setup.pass_ms(100)
    assert setup.laptop.got == lines(2)  # nothing overtakes what still waits
    setup.network.read(connection, 1_000)
    assert setup.laptop.got == lines(7)


def test_a_full_outbox_closes_a_slow_reader() -> None:
    setup = Setup(outbox_bytes_max=10)
    connection = setup.open()
    setup.laptop.reads_slowly = True
    for data in lines(3):
        setup.network.send_down(connection, data, 0)
    setup.pass_ms(100)
    assert connection.server_open
    setup.network.send_down(connection, b"003", 0)
    setup.pass_ms(100)
    assert not connection.server_open
    assert setup.network.overflowed == 1
    assert len(setup.host.closed_us) == 1
    setup.network.read(connection, 1_000)
    assert setup.laptop.got == lines(4)
    assert setup.laptop.codes == [CLOSE_TRY_AGAIN]


def test_a_clogged_connection_overflows_too_and_the_client_hears_of_it_at_the_end() -> None:
    setup = Setup(outbox_bytes_max=10)
    connection = setup.open()
    setup.block(keep_alive=False)
    for data in lines(5):
        setup.network.send_down(connection, data, 0)
    setup.pass_ms(100)
    assert setup.network.overflowed == 1
    setup.free()
    setup.pass_ms(100)
    assert setup.laptop.codes == [CLOSE_TRY_AGAIN]


def test_the_end_of_a_block_does_not_make_a_slow_reader_fast() -> None:
    setup = Setup()
    connection = setup.open()
    setup.block(keep_alive=False)
    setup.laptop.reads_slowly = True
    setup.network.send_down(connection, b"000", 0)
    setup.pass_ms(100)
    setup.free()
    assert not setup.laptop.got
    setup.network.read(connection, 1_000)
    assert setup.laptop.got == [b"000"]
