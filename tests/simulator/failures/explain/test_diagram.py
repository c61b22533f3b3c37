from __future__ import annotations

from xml.etree import ElementTree

import msgspec
import pytest

from model.history import Acknowledged, Delivered, Merged, Stored
from model.identity import SiteId
from simulator.failures.explain.canvas import LETTER_WIDTH, LINE_HEIGHT
from simulator.failures.explain.diagram import diagram
from simulator.failures.explain.rail import NARROW, WIDE, Rail
from simulator.failures.explain.scene import LANES_DRAWN_MAX, STEPS_DRAWN_MAX, Scene, arrange
from simulator.failures.explain.steps import StoryStep
from simulator.failures.explain.story import story
from simulator.planning.plan import FaultWindow, ScriptStep
from tests.simulator.failures.explain.cases import (
    DOPT,
    Explained,
    case_of,
    cell_plan,
    diverging,
    explained,
    told_plan,
    two_clients,
)

SVG = "{http://www.w3.org/2000/svg}"


def drawn(explained: Explained) -> ElementTree.Element:
    steps = story(explained.records)
    return ElementTree.fromstring(diagram(steps, arrange(explained.case, steps, "", None)).wide)


def of_class(svg: ElementTree.Element, tag: str, name: str) -> list[ElementTree.Element]:
    return [e for e in svg.iter(f"{SVG}{tag}") if name in e.get("class", "").split()]


def texts(svg: ElementTree.Element) -> list[str]:
    return ["".join(e.itertext()) for e in svg.iter(f"{SVG}text")]


def ends(path: ElementTree.Element) -> tuple[int, int, int, int]:
    x1, y1, x2, y2 = path.get("d", "").replace("M", "").replace("L", "").split()
    return int(x1), int(y1), int(x2), int(y2)


def test_there_is_one_arrow_for_every_message() -> None:
    case = diverging()
    arrows = of_class(drawn(case), "path", "arrow")
    messages = [r for r in case.records if isinstance(r, Stored | Delivered | Acknowledged | Merged)]
    assert len(messages) == 9
    assert len(arrows) == len(messages)
    assert len({ends(a) for a in arrows}) == len(arrows)
    assert all(y2 > y1 for _, y1, _, y2 in map(ends, arrows))
    assert len(of_class(drawn(case), "path", "up")) == 3


def test_every_place_has_a_lane_with_the_server_between_the_clients() -> None:
    names = of_class(drawn(diverging()), "text", "name")
    assert {n.text: int(n.get("x", "")) for n in names}.keys() == {"server", "c1", "c2"}
    assert [n.text for n in sorted(names, key=lambda n: int(n.get("x", "")))] == ["c1", "server", "c2"]


def test_every_step_shows_its_text_and_wrong_ones_are_set_off() -> None:
    svg = drawn(diverging())
    assert len(of_class(svg, "circle", "wrong")) == 2  # when it is acknowledged, and in the end
    assert len(of_class(svg, "rect", "wrong")) == 2
    wrong = {"".join(e.itertext()) for e in of_class(svg, "tspan", "bad")}
    assert wrong == {"xd", "dx"}
    assert {"".join(e.itertext()) for e in of_class(svg, "tspan", "new")} >= {"Q", "x", "d"}


def test_texts_cannot_break_the_picture() -> None:
    script = (ScriptStep(300_000, "edit", 0, 0, "</text><script>alert('1')</script>\"&\x00"),)
    svg = drawn(explained(cell_plan({"c1": script, "c2": ()}, text="<b>&\n")))
    assert not list(svg.iter(f"{SVG}script"))
    assert any("<script>" in text for text in texts(svg))


def test_faults_absences_and_crashes_are_drawn_where_they_act() -> None:
    faults = (
        FaultWindow(0, "partition_clients", "network", 400_000, 600_000, {}, None, (SiteId("c2"),)),
        FaultWindow(1, "store_stall", "store", 650_000, 700_000, {}),
    )
    scripts = {
        "c1": (ScriptStep(300_000, "offline"), ScriptStep(500_000, "online"), ScriptStep(800_000, "crash")),
        "c2": (ScriptStep(450_000, "edit", 0, 0, "Q"),),
    }
    case = explained(cell_plan(scripts, faults=faults, duration_us=900_000), DOPT)
    svg = drawn(case)
    lanes = {n.text: int(n.get("x", "")) for n in of_class(svg, "text", "name")}
    bands = of_class(svg, "rect", "fault")
    middle = [int(b.get("x", "")) + int(b.get("width", "")) // 2 for b in bands]
    assert middle == [lanes["c2"], lanes["server"]]
    assert all(int(b.get("height", "")) > 20 for b in bands)
    assert [t.text for t in of_class(svg, "text", "fault-name")] == ["partition_clients", "store_stall"]
    away = [p for p in of_class(svg, "path", "away") if p.get("d", "").startswith(f"M{lanes['c1']} ")]
    assert len(away) == 3  # before joining, the closed laptop, the crash
    assert len(of_class(svg, "path", "cross")) == 1


def test_a_message_that_nothing_came_of_ends_in_a_cross() -> None:
    faults = (FaultWindow(0, "gateway_crash", "gateway", 305_000, 400_000, {}),)
    case = explained(cell_plan({"c1": (ScriptStep(300_000, "edit", 0, 0, "Q"),)}, faults=faults))
    svg = drawn(case)
    assert len(of_class(svg, "path", "stub")) == 1
    assert len(of_class(svg, "path", "up")) == 1  # what was sent again


# --- what is left out ---------------------------------------------------------------------------------


def crowd(clients: int) -> tuple[list[StoryStep], Scene]:
    case = explained(
        cell_plan({f"c{n}": (ScriptStep(300_000 + n * 1_000, "edit", 0, 0, "Q"),) for n in range(clients)})
    )
    steps = story(case.records)
    return steps, arrange(case.case, steps, f"c{clients - 1}#1 and c3 are to blame", 330_000)


def test_of_many_clients_those_of_the_sentence_are_drawn() -> None:
    steps, scene = crowd(20)
    assert len(scene.clients) == LANES_DRAWN_MAX
    assert {"c3", "c19"} <= set(scene.clients)
    assert {steps[n].lane for n in scene.numbers} <= {"server", "", *scene.clients}
    assert scene.omitted.startswith("12 clients")
    ElementTree.fromstring(diagram(steps, scene).wide)


@pytest.mark.slow
def test_of_many_steps_those_around_the_violation_are_drawn() -> None:
    steps, scene = crowd(40)
    drawn = [steps[n] for n in scene.numbers if steps[n].kind != "final"]
    assert len(drawn) == STEPS_DRAWN_MAX
    assert drawn[0].time_us < 330_000 < drawn[-1].time_us
    assert any(steps[n].kind == "final" for n in scene.numbers)
    assert "steps left out" in scene.omitted


def test_steps_that_come_again_and_again_are_shown_twice() -> None:
    steps = [s for s in story(two_clients()) if s.kind != "final"]
    cycle = [
        StoryStep(100_000 + n * 10_000, "c1", kind, what)  # type: ignore[arg-type]
        for n, (kind, what) in enumerate([("join", "resumes"), ("disconnect", "loses it")] * 6)
    ]
    scene = arrange(case_of(told_plan()), [*steps, *cycle], "", None)
    assert [n for n in scene.numbers if n >= len(steps)] == [len(steps) + n for n in (0, 1, 10, 11)]
    assert scene.omitted.startswith("8 steps that only repeat others left out")


def test_only_steps_of_one_instant_share_a_row() -> None:
    steps = story(two_clients())
    scene = arrange(case_of(told_plan()), steps, "", None)
    assert scene.rows == ((0,), (1, 2), (3,), (4,), (5,), (6,), (7, 8, 9))


def test_a_fault_from_before_what_is_shown_acts_from_the_first_row() -> None:
    window = FaultWindow(0, "clog", "network", 0, 30_000, {})
    case = msgspec.structs.replace(case_of(told_plan()))
    case = msgspec.structs.replace(case, plan=msgspec.structs.replace(case.plan, faults=(window,)))
    steps = [s for s in story(two_clients()) if s.time_us >= 10_000]
    scene = arrange(case, steps, "", None)
    assert [(s.lane, s.begin, s.end) for s in scene.faults] == [("c1", 0, None), ("c2", 0, None)]


# --- how it fits --------------------------------------------------------------------------------------


@pytest.mark.parametrize("clients", range(1, LANES_DRAWN_MAX + 1))
def test_no_arrow_reaches_the_words_and_none_is_cut(clients: int) -> None:
    steps, scene = crowd(clients)
    for rail in (Rail(steps, scene, NARROW), Rail(steps, scene, WIDE)):
        svg = ElementTree.fromstring(rail.svg())
        words = [t for t in svg.iter(f"{SVG}text") if "name" not in t.get("class", "")]
        left = min(int(t.get("x", "")) for t in words)
        assert all(max(x1, x2) < left for x1, _, x2, _ in map(ends, of_class(svg, "path", "arrow")))
        room = rail.width - left
        labels = of_class(svg, "text", "label")
        assert all(len("".join(t.itertext())) * LETTER_WIDTH <= room for t in labels)
        assert not any("…" in "".join(t.itertext()) for t in labels)


def test_pictures_are_no_wider_than_their_windows() -> None:
    for clients in range(1, LANES_DRAWN_MAX + 1):
        wide, narrow = (ElementTree.fromstring(svg) for svg in diagram(*crowd(clients)))
        assert int(wide.get("width", "")) <= 1_200 - 40 - 36
        assert int(narrow.get("width", "")) <= 420 - 16 - 30


def test_a_long_label_of_the_server_makes_its_box_higher() -> None:
    what = "does something that takes many more words than one line of its box can hold"
    steps = [
        StoryStep(0, "server", "create", "starts", text="ab"),
        StoryStep(10, "server", "broadcast", what, text="ab"),
    ]
    scene = Scene((), (0, 1), ((0,), (1,)), (), (), "")
    svg = ElementTree.fromstring(diagram(steps, scene).wide)
    first, second = (int(box.get("height", "")) for box in of_class(svg, "rect", "box"))
    lines = [t for t in texts(svg) if t in what]
    assert len(lines) > 1
    assert " ".join(lines) == what
    assert second - first == (len(lines) - 1) * LINE_HEIGHT
