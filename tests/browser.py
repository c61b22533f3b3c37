"""A headless browser that opens pages of ours, and says how they fit into a window."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from html import escape
from pathlib import Path
from typing import Final, NamedTuple

from simulator.children import group
from tests.conftest import missing

BROWSERS: Final = ("chromium", "chromium-browser", "google-chrome")
QUIET: Final = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--enable-logging=stderr",
    "--virtual-time-budget=2000",
)
WINDOWS: Final = (1_400, 420)
"""Widths of a window on a desk and on a phone, in pixels."""

_MEASURING: Final = """<script>
addEventListener("load", () => {
  const found = [...document.querySelectorAll("iframe")].map(frame => {
    const page = frame.contentDocument;
    const inside = element => element.getClientRects().length > 0;
    const wide = [...page.querySelectorAll("*")].filter(e => inside(e) && !e.closest("pre") && (
      e.getBoundingClientRect().right > frame.clientWidth + 0.5));
    const words = [...page.querySelectorAll("svg text")].filter(inside);
    return {
      outside: wide.map(e => e.tagName + "." + e.className + ": " + e.textContent.slice(0, 60)),
      letters: Math.min(1e3, ...words.map(e => {
        const svg = e.ownerSVGElement;
        return parseFloat(page.defaultView.getComputedStyle(e).fontSize) * svg.getScreenCTM().a;
      })),
    };
  });
  const answer = document.createElement("output");
  answer.textContent = JSON.stringify(found);
  document.body.append(answer);
});
</script>"""


class Fit(NamedTuple):
    """How a page fits into a window.

    Attributes:
        outside: elements that reach beyond the window's right edge, other than what scrolls by itself.
        letters_px: height of the smallest letters drawn in a picture.
    """

    outside: list[str]
    letters_px: float


def open_page(page: Path, profile: Path) -> tuple[str, list[str]]:
    """The document as the browser shows it, and what it said on its console."""
    browser = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if browser is None:
        missing("Chromium, to open a page in it")
    shown = subprocess.run(
        [browser, *QUIET, f"--user-data-dir={profile}", "--dump-dom", page.as_uri()],
        capture_output=True,
        text=True,
        check=True,
        process_group=group(),
    )
    return shown.stdout, re.findall(r"CONSOLE.*", shown.stderr)


def fits(source: str, folder: Path) -> dict[int, Fit]:
    """How the page fits into each of the windows."""
    frames = "".join(
        f'<iframe srcdoc="{escape(source, quote=True)}" style="border:0;width:{width}px;height:900px">'
        "</iframe>"
        for width in WINDOWS
    )
    around = folder / "windows.html"
    around.write_text(f"<!DOCTYPE html><meta charset=utf-8><body>{frames}{_MEASURING}", encoding="utf-8")
    shown, _ = open_page(around, folder / "profile")
    (answer,) = re.findall(r"<output>(.*?)</output>", shown, re.DOTALL)
    found = json.loads(answer.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"))
    return {width: Fit(of["outside"], of["letters"]) for width, of in zip(WINDOWS, found, strict=True)}
