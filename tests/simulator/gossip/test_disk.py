"""What a crash leaves of a replica."""

from __future__ import annotations

from model import history
from model.crdt.replicas import FugueMax
from model.identity import SiteId
from simulator.gossip.disk import Disk
from tests.numbers import seq


def test_what_was_synced_survives_and_the_rest_is_gone() -> None:
    replica, other = FugueMax(SiteId("a")), FugueMax(SiteId("b"))
    disk = Disk(())
    own = replica.insert(0, "xy")
    disk.append(own)
    disk.sequence = seq(4)
    disk.sync()
    theirs = other.insert(0, "z")
    for event in theirs:
        replica.apply(event)
    disk.append(theirs)
    saved = disk.after_crash(replica)
    loaded = FugueMax.load(saved.data)
    assert (loaded.text, loaded.version, saved.sequence) == ("xy", {"a": 2}, 4)
    assert saved.fingerprint == history.fingerprint("xy")

    for event in theirs:
        loaded.apply(event)
    disk.append(theirs)
    disk.sync()
    assert FugueMax.load(disk.after_crash(loaded).data).text == loaded.text


def test_the_first_text_is_on_every_disk() -> None:
    first = FugueMax(history.FIRST).insert(0, "abc")
    replica = FugueMax(SiteId("a"))
    for event in first:
        replica.apply(event)
    assert FugueMax.load(Disk(first).after_crash(replica).data).text == "abc"
