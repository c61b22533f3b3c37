"""Reports as a browser shows them: everything drawn and legible, nothing fetched, all of it by keyboard."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from concord.finish import judge
from concord.judging import judging_of
from concord.options import ObjectiveOptions
from model import arena as arenas
from model import campaign as campaigns
from model.campaign import Campaign, CaseRow, KnownFailure, SeedRow
from model.verdict import Verdict
from reports.write import write_report
from simulator.running.run import save
from tests.browser import WINDOWS, Tab, browser
from tests.model.test_arena import arena as small_arena
from tests.reports.jobs import STRAINED, synthetic_run, write_part
from tests.reports.strategies import BROKEN, CLEAN, UNCLAIMED, write_run
from tests.simulator.gossip.runs import run as run_replicas

pytestmark = pytest.mark.slow

LETTERS_PX_MIN = 11.0


def job(directory: Path) -> None:
    for kind in ("live", "load"):
        harness = [STRAINED] if kind == "load" else None
        write_part(directory, *synthetic_run(kind, [CLEAN, BROKEN, UNCLAIMED], harness))


def run(directory: Path) -> None:
    write_run(directory, [CLEAN, UNCLAIMED])


def replicas(directory: Path) -> None:
    save(judge(run_replicas(directory), judging_of(ObjectiveOptions())), directory)


def arena(directory: Path) -> None:
    (directory / "arena.json").write_bytes(arenas.encode(small_arena()))


def campaign(directory: Path) -> None:
    verdicts = [Verdict.VALID, Verdict.VIOLATED, Verdict.UNKNOWN]
    found = Campaign(
        command="concord campaign calm --seeds 0:60",
        subject="0",
        scenario="calm",
        wanted=60,
        known=[KnownFailure("ledger", "somebody knows why", 4)],
        cases=[CaseRow("a-case-with-a-long-name.json", "ledger", "s1#4 is lost")],
        runs=[
            SeedRow(
                seed=seed,
                verdict=(verdict := verdicts[seed % 3]),
                exit_code=seed % 3,
                digest="3b97d49fb947bb775095ce6e0e3095b6",
                edits=10,
                histories=3,
                concurrent=2,
                seconds=1.0,
                checks=dict.fromkeys(("convergence", "session_guarantees"), verdict),
                violated={"session_guarantees": "read what it had not"} if seed % 3 == 1 else {},
                missed=["operation-latency"] if seed == 3 else [],
                directory=f"seed-{seed}" if seed % 3 else "",
            )
            for seed in range(60)
        ],
    )
    (directory / "campaign.json").write_bytes(campaigns.encode(found))


def nothing(directory: Path) -> None:
    write_run(directory, [])


WRITTEN: dict[str, tuple[Callable[[Path], None], str]] = {
    "run": (run, "What was checked"),
    "job": (job, "What was checked"),
    "replicas": (replicas, "What was checked"),
    "arena": (arena, "What holds of each order"),
    "campaign": (campaign, "Seeds × checks"),
    "nothing": (nothing, "No check ran."),
}


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    with browser(tmp_path_factory.mktemp("profile")) as found:
        yield found


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Path]]:
    """The pages of each of them."""
    found = {}
    for name, (write, _) in WRITTEN.items():
        directory = tmp_path_factory.mktemp(name)
        write(directory)
        found[name] = [path for path in write_report(directory) if path.suffix == ".html"]
    return found


@pytest.mark.parametrize("width", WINDOWS)
@pytest.mark.parametrize("name", WRITTEN)
def test_a_page_fits_into_its_window_and_can_be_read(
    tab: Tab, pages: dict[str, list[Path]], name: str, width: int
) -> None:
    del tab.console[:]
    for page in pages[name]:
        for dark in (False, True):
            tab.open(page, width, dark=dark)
            fit = tab.fit()
            assert fit.outside == [], page
            assert fit.pale == [], (page, dark)
            assert fit.letters_px >= LETTERS_PX_MIN, page
    assert WRITTEN[name][1] in tab.ask("document.body.textContent")
    assert tab.console == []


@pytest.mark.parametrize("width", WINDOWS)
def test_without_scripts_the_pictures_are_there_and_can_be_read(
    tab: Tab, pages: dict[str, list[Path]], width: int
) -> None:
    for page in (*pages["run"], *pages["job"]):
        tab.open(page, width, scripts=False)
        fit = tab.fit()
        assert fit.outside == [], page
        assert fit.pale == [], page
        assert fit.letters_px >= LETTERS_PX_MIN, page
        assert tab.ask('[...document.querySelectorAll("figure svg")].every(svg => svg.checkVisibility())')


def test_what_is_printed_is_the_picture(tab: Tab, pages: dict[str, list[Path]]) -> None:
    (page,) = pages["run"]
    seen = """["svg", ".explore"].map(
      s => [...document.querySelectorAll("figure " + s)].map(e => e.checkVisibility()))"""
    tab.open(page)
    pictures, charts = tab.ask(seen)
    assert not any(pictures)
    assert all(charts)
    tab.open(page, media="print")
    pictures, charts = tab.ask(seen)
    assert all(pictures)
    assert not any(charts)
    assert len(pictures) == len(charts) > 5


# --- exploring --------------------------------------------------------------------------------------------


def explored(tab: Tab) -> dict[str, Any]:
    """What the first chart of the page says at the moment, and the range that the second one shows."""
    found: dict[str, Any] = tab.ask(
        """(() => {
          const [first, ...others] = document.querySelectorAll(".explored .explore");
          const marks = box => [...box.querySelectorAll("[data-shown]")].map(e => e.dataset.shown);
          return {
            place: first.querySelector("output").textContent,
            values: [...first.querySelectorAll(".lines b")].map(b => b.textContent),
            pressed: [...first.querySelectorAll(".lines button")].map(b => b.getAttribute("aria-pressed")),
            shown: marks(first),
            others: others.map(marks),
            focus: document.activeElement.className,
          };
        })()"""
    )
    return found


@pytest.fixture
def chart(tab: Tab, pages: dict[str, list[Path]]) -> Tab:
    (page,) = pages["run"]
    del tab.console[:]
    tab.open(page)
    return tab


def reach(tab: Tab) -> None:
    """Go to the first chart with the key that everybody uses for it."""
    for _ in range(80):
        tab.press("Tab")
        if explored(tab)["focus"] == "explore":
            return
    raise AssertionError("no chart can be reached by Tab")


def test_a_chart_is_read_and_zoomed_by_keyboard(chart: Tab) -> None:
    reach(chart)
    begin = explored(chart)
    assert set(begin["shown"]) == {"0 60"}
    assert not any(begin["values"])
    chart.press("ArrowRight", 3)
    read = explored(chart)
    assert read["place"].startswith("2.5 s")
    assert read["values"][:3] != begin["values"][:3]
    chart.press("ArrowRight", 2, shift=True)
    chart.press("ArrowRight", 4)
    assert explored(chart)["place"] == "26.5 s · network: partition"
    chart.press("+", 2)
    near = explored(chart)
    low, high = map(float, near["shown"][0].split())
    assert low < 26.5 < high
    assert high - low == pytest.approx(15, abs=0.1)
    # What is above and below, and the other charts over the time of the run, show the same seconds.
    assert set(near["shown"]) == {near["shown"][0]}
    followers = [marks for marks in near["others"] if set(marks) == set(near["shown"])]
    assert len(followers) == 2
    chart.press("-")
    low, high = map(float, explored(chart)["shown"][0].split())
    assert high - low == pytest.approx(30, abs=0.1)
    chart.press("0")
    assert set(explored(chart)["shown"]) == {"0 60"}
    assert chart.console == []


def test_a_line_is_hidden_and_shown_by_keyboard(chart: Tab) -> None:
    reach(chart)
    before = explored(chart)["pressed"]
    assert set(before) == {"true"}
    chart.press("Tab", 4)  # behind the three buttons of the chart itself
    chart.press("Enter")
    assert explored(chart)["pressed"] == ["false", *before[1:]]
    chart.press(" ")
    assert explored(chart)["pressed"] == before


def test_a_range_is_chosen_with_the_mouse(chart: Tab) -> None:
    box = """(() => {
      const over = document.querySelector(".explored .u-over");
      over.scrollIntoView({block: "center"});
      const {left, top, width, height} = over.getBoundingClientRect();
      return [left, top, width, height];
    })()"""
    left, top, width, height = chart.ask(box)
    middle = top + height / 2
    chart.drag((left + width / 4, middle), (left + width / 2, middle))
    low, high = map(float, explored(chart)["shown"][0].split())
    assert low == pytest.approx(15, abs=0.3)
    assert high == pytest.approx(30, abs=0.3)
    assert not explored(chart)["place"].startswith("drag")  # it says where the mouse is


def test_a_chart_follows_the_window_and_the_scheme(chart: Tab) -> None:
    wide = chart.ask("document.querySelector('.explored canvas').clientWidth")
    chart.resize(WINDOWS[1])
    chart.settle()
    narrow = chart.ask("document.querySelector('.explored canvas').clientWidth")
    assert narrow < WINDOWS[1] < wide
    colors = "document.querySelector('.explored canvas').toDataURL()"
    light = chart.ask(colors)
    chart.call(
        "Emulation.setEmulatedMedia", media="", features=[{"name": "prefers-color-scheme", "value": "dark"}]
    )
    chart.settle()
    assert chart.ask(colors) != light


@pytest.mark.parametrize("key", ["series", "chart"])
def test_a_chart_that_cannot_be_drawn_leaves_its_picture(
    tab: Tab, pages: dict[str, list[Path]], tmp_path: Path, key: str
) -> None:
    del tab.console[:]
    (page,) = pages["run"]
    text = page.read_text(encoding="utf-8")
    begin = text.index('<script type="application/json">') + len('<script type="application/json">')
    damaged = {"series": text[begin:].replace('"panels"', '"pane"', 1), "chart": "{" + text[begin + 40 :]}[
        key
    ]
    (tmp_path / "damaged.html").write_text(text[:begin] + damaged, encoding="utf-8")
    tab.open(tmp_path / "damaged.html")
    first, second = tab.ask(
        '[...document.querySelectorAll("figure svg")].slice(0, 2).map(s => s.checkVisibility())'
    )
    assert first
    assert not second
    assert len(tab.console) == 1
