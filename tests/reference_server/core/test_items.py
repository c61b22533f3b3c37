from __future__ import annotations

from model.identity import ConnectionId, SiteId
from reference_server.core.items import EditsItem, Entry, Item, Queue
from tests.numbers import rev


def item(site: str, number: int = 0) -> EditsItem:
    return EditsItem(ConnectionId(number), SiteId(site), 1, rev(0), (), None, None, 0)


class Taken:
    """A batch that takes everything it is given, except items of refused sites."""

    def __init__(self, refused: str = "") -> None:
        self.entries: list[Entry] = []
        self.refused = refused

    def has_room_for(self, item: Item) -> bool:
        return all(entry.item.site != item.site for entry in self.entries)

    def run(self, queue: Queue, entries_max: int = 99) -> list[EditsItem]:
        for next_item in queue.turns(self, entries_max):
            if next_item.site not in self.refused:
                self.entries.append(Entry(next_item))
        return [entry.item for entry in self.entries if isinstance(entry.item, EditsItem)]


def filled(*items: EditsItem) -> Queue:
    queue = Queue(99)
    for one in items:
        queue.add(one)
    return queue


def test_the_second_item_of_a_site_waits_and_keeps_its_place() -> None:
    a1, b1, a2, b2, c1 = item("a", 1), item("b", 1), item("a", 2), item("b", 2), item("c", 1)
    queue = filled(a1, b1, a2, b2, c1)
    assert Taken().run(queue) == [a1, b1, c1]
    assert Taken().run(queue) == [a2, b2]
    assert len(queue) == 0


def test_a_site_whose_item_became_nothing_has_its_next_one_at_once() -> None:
    a1, b1, a2 = item("a", 1), item("b", 1), item("a", 2)
    queue = filled(a1, b1, a2)
    assert Taken(refused="a").run(queue) == [b1]
    assert len(queue) == 0


def test_what_does_not_fit_stays() -> None:
    a1, a2, b1, c1 = item("a", 1), item("a", 2), item("b", 1), item("c", 1)
    queue = filled(a1, a2, b1, c1)
    assert Taken().run(queue, entries_max=2) == [a1, b1]
    assert Taken().run(queue) == [a2, c1]


def test_items_are_put_back_in_front_in_their_order() -> None:
    a, b, c = item("a"), item("b"), item("c")
    queue = filled(c)
    queue.put_back([a, b])
    assert Taken().run(queue) == [a, b, c]


def test_a_queue_is_full_at_its_limit() -> None:
    queue = Queue(1)
    assert not queue.is_full
    queue.add(item("a"))
    assert queue.is_full
    queue.clear()
    assert len(queue) == 0
