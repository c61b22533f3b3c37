"""The queue in front of Redis: its limits, and what happens to a batch that failed."""

from __future__ import annotations

import threading

from reference_server.bus.outgoing import BATCH_COMMANDS_MAX, Outgoing
from reference_server.bus.port import BusCounters, Command


def message(data: bytes) -> Command:
    return (b"PUBLISH", b"topic", data)


def test_the_oldest_are_given_up_when_too_many_wait() -> None:
    counters = BusCounters()
    queue = Outgoing(counters, commands_max=3)
    for n in range(5):
        queue.put(message(b"%d" % n))
    assert queue.take(0) == [message(b"2"), message(b"3"), message(b"4")]
    assert counters.dropped == 2


def test_bytes_are_limited_too() -> None:
    counters = BusCounters()
    queue = Outgoing(counters, bytes_max=1_000)
    for n in range(5):
        queue.put(message(b"%d" % n * 400))
    assert [command[2] for command in queue.take(0)] == [b"3" * 400, b"4" * 400]
    assert counters.dropped == 3
    queue.put(message(b"x" * 900))  # what was taken does not count any more
    assert len(queue) == 1


def test_messages_of_a_failed_batch_come_first_and_cache_commands_do_not_come_again() -> None:
    counters = BusCounters()
    queue = Outgoing(counters)
    queue.put(message(b"1"))
    queue.put((b"LPUSH", b"key", b"1"))
    queue.put(message(b"2"))
    batch = queue.take(0)
    queue.put(message(b"3"))
    queue.put_back(batch)
    assert queue.take(0) == [message(b"1"), message(b"2"), message(b"3")]
    assert (counters.dropped, counters.commands_failed) == (0, 1)


def test_a_batch_is_bounded() -> None:
    queue = Outgoing(BusCounters())
    for n in range(BATCH_COMMANDS_MAX + 5):
        queue.put(message(b"%d" % n))
    assert len(queue.take(0)) == BATCH_COMMANDS_MAX
    assert len(queue.take(0)) == 5
    for _ in range(3):
        queue.put(message(bytes(1_000_000)))
    assert len(queue.take(0)) == 2


def test_closed_it_takes_nothing_in_and_wakes_who_waits() -> None:
    counters = BusCounters()
    queue = Outgoing(counters)
    taken: list[list[Command]] = []
    thread = threading.Thread(target=lambda: taken.append(queue.take(60)))
    thread.start()
    queue.close()
    thread.join(30)
    assert taken == [[]]
    queue.put(message(b"late"))
    queue.put_back([message(b"failed")])
    assert len(queue) == 0
    assert counters.dropped == 2
