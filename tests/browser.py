"""A headless browser that opens pages of ours, presses keys in them, and says how they look in a window."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

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
    "--disable-dev-shm-usage",
    "--remote-debugging-pipe",
)
WINDOWS: Final = (1_400, 420)
"""Widths of a window on a desk and on a phone, in pixels."""

HEIGHT: Final = 900
KEYS: Final = {"Tab": 9, "Enter": 13, "Escape": 27, " ": 32, "End": 35, "Home": 36}
KEYS_OF_ARROWS: Final = {"ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40}

# The browser reads from file 3 and writes to file 4; who starts it may have both for something else.
_START: Final = """
import fcntl, os, sys
heard, said = (fcntl.fcntl(int(number), fcntl.F_DUPFD, 10) for number in sys.argv[1:3])
os.dup2(heard, 3)
os.dup2(said, 4)
os.execvp(sys.argv[3], sys.argv[3:])
"""

_MEASURE: Final = """(() => {
  const shown = element => element.checkVisibility({visibilityProperty: true});
  const scroller = element => {
    for (let above = element.parentElement; above; above = above.parentElement) {
      if (/auto|scroll|hidden/.test(getComputedStyle(above).overflowX)) return above;
    }
    return null;
  };
  const channels = text => {
    const found = text.match(/[\\d.]+/g).map(Number);
    return /^color\\(srgb/.test(text) ? [...found.slice(0, 3).map(c => 255 * c), found[3] ?? 1]
      : [...found.slice(0, 3), found[3] ?? 1];
  };
  const over = (top, below) => [0, 1, 2].map(n => top[n] * top[3] + below[n] * (1 - top[3])).concat(1);
  const behind = element => {
    const layers = [];
    for (let e = element; e; e = e.parentElement) layers.push(channels(getComputedStyle(e).backgroundColor));
    return layers.reduceRight((below, top) => over(top, below), [255, 255, 255, 1]);
  };
  const shapesBehind = text => {
    const {left, right, top, bottom} = text.getBoundingClientRect();
    const [x, y] = [(left + right) / 2, (top + bottom) / 2];
    return [...text.ownerSVGElement.querySelectorAll("path, rect, use")].filter(shape => {
      const box = shape.getBoundingClientRect();
      return box.left <= x && x <= box.right && box.top <= y && y <= box.bottom
        && shape.compareDocumentPosition(text) & Node.DOCUMENT_POSITION_FOLLOWING && shown(shape);
    });
  };
  const ground = element => element instanceof SVGElement
    ? shapesBehind(element).map(shape => getComputedStyle(shape)).filter(s => s.fill !== "none").reduce(
        (below, style) => {
          const [r, g, b, a] = channels(style.fill);
          return over([r, g, b, a * style.fillOpacity * style.opacity], below);
        }, behind(element.ownerSVGElement))
    : behind(element);
  const light = color => {
    const [r, g, b] = color.slice(0, 3).map(c => c / 255).map(c =>
      c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (a, b) => {
    const [low, high] = [light(a), light(b)].sort((x, y) => x - y);
    return (high + 0.05) / (low + 0.05);
  };
  const named = e => `${e.tagName}.${e.getAttribute("class") ?? ""}: ${e.textContent.trim().slice(0, 60)}`;
  const all = [...document.querySelectorAll("body *")].filter(shown).filter(e => !scroller(e));
  const outside = all.filter(e => {
    const card = e.parentElement.closest("section, header, .banner, .alert, main, body");
    const right = Math.min(card.getBoundingClientRect().right, document.documentElement.clientWidth);
    return e.getBoundingClientRect().right > right + 0.5;
  });
  const words = [...document.querySelectorAll("body *")].filter(shown).filter(e =>
    !/^(SCRIPT|STYLE)$/.test(e.tagName) &&
    [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim()));
  const size = e => parseFloat(getComputedStyle(e).fontSize) * (
    e instanceof SVGElement ? e.ownerSVGElement.getScreenCTM().a : 1);
  const color = e => {
    const style = getComputedStyle(e);
    return over(channels(e instanceof SVGElement ? style.fill : style.color), ground(e));
  };
  const told = words.map(e => ({name: named(e), size: size(e), contrast: contrast(color(e), ground(e))}));
  return {
    outside: outside.map(named),
    letters: Math.min(1e3, ...told.map(t => t.size)),
    small: told.filter(t => t.size < 9).map(t => t.name),
    pale: told.filter(t => t.contrast < 4.5).map(t => `${t.contrast.toFixed(2)} ${t.name}`),
    words: told.length,
  };
})()"""


class Fit(NamedTuple):
    """How a page fits into a window.

    Attributes:
        outside: elements that reach beyond the right edge of their card or of the window, other than what
            is within something that scrolls by itself.
        letters_px: height of the smallest letters, those of pictures included.
        pale: texts with a contrast below 4.5 to what is behind them, as WCAG 2.1 asks of texts.
        words: how many elements with a text of their own there are.
    """

    outside: list[str]
    letters_px: float
    pale: list[str]
    words: int


class Tab:
    """A page that is open; commands of the DevTools protocol go to it one after another."""

    def __init__(self, process: subprocess.Popen[bytes], commands: int, answers: int) -> None:
        self._process = process
        self._commands = commands
        self._answers = answers
        self._buffer = b""
        self._number = 0
        self._session: str | None = None
        self._loaded = 0
        self.console: list[str] = []
        """What pages said on their console, or what was wrong with them."""

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """The answer to a command."""
        self._number += 1
        command: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if self._session is not None:
            command["sessionId"] = self._session
        os.write(self._commands, json.dumps(command).encode() + b"\0")
        while (message := self._next()).get("id") != self._number:
            self._hear(message)
        assert "error" not in message, f"{method}: {message['error']}"
        result: dict[str, Any] = message["result"]
        return result

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            read = os.read(self._answers, 1 << 16)
            assert read, "the browser is gone"
            self._buffer += read
        text, _, self._buffer = self._buffer.partition(b"\0")
        message: dict[str, Any] = json.loads(text)
        return message

    def _hear(self, message: dict[str, Any]) -> None:
        match message.get("method"):
            case "Page.loadEventFired":
                self._loaded += 1
            case "Log.entryAdded":
                self.console.append(message["params"]["entry"]["text"])
            case "Runtime.consoleAPICalled":
                self.console.append(str(message["params"]["args"]))
            case "Runtime.exceptionThrown":
                self.console.append(str(message["params"]["exceptionDetails"]))
            case _:
                pass

    def attach(self) -> None:
        """Begin with an empty page."""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self.call(f"{domain}.enable")

    def close(self) -> None:
        """End the browser, with all that it started."""
        self._session = None
        self.call("Browser.close")
        self._process.wait()

    def open(
        self,
        page: Path,
        width: int = WINDOWS[0],
        *,
        dark: bool = False,
        scripts: bool = True,
        media: str = "",
    ) -> None:
        """Open a page in a window of this width and wait until it is drawn.

        Args:
            page: the file.
            width: of the window.
            dark: whether the reader prefers dark pages.
            scripts: whether they run.
            media: `print`, to see what is printed.
        """
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.call("Emulation.setEmulatedMedia", media=media, features=scheme)
        self.call("Emulation.setScriptExecutionDisabled", value=not scripts)
        self.resize(width)
        before = self._loaded
        self.call("Page.navigate", url=page.absolute().as_uri())
        while self._loaded == before:
            self._hear(self._next())
        if scripts:
            self.settle()

    def resize(self, width: int) -> None:
        """Make the window as wide as this."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=HEIGHT,
            deviceScaleFactor=1,
            mobile=False,
        )

    def settle(self) -> None:
        """Wait until everything is drawn that was asked for."""
        drawn = "new Promise(r => requestAnimationFrame(() => requestAnimationFrame(() => r(0))))"
        self.call("Runtime.evaluate", expression=drawn, awaitPromise=True)

    def ask(self, expression: str) -> Any:
        """The value of an expression in the page, which works without its scripts, too."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def press(self, key: str, times: int = 1, *, shift: bool = False) -> None:
        """Press a key as a person does, in whatever has the focus."""
        code = {**KEYS, **KEYS_OF_ARROWS}.get(key, ord(key[0].upper()))
        text = {"Enter": "\r"}.get(key, key if len(key) == 1 else "")
        common = {"key": key, "windowsVirtualKeyCode": code, "modifiers": 8 if shift else 0}
        for _ in range(times):
            self.call("Input.dispatchKeyEvent", type="keyDown" if text else "rawKeyDown", text=text, **common)
            self.call("Input.dispatchKeyEvent", type="keyUp", **common)
        self.settle()

    def drag(self, begin: tuple[float, float], end: tuple[float, float]) -> None:
        """Press the mouse at one point of the window and let it go at another."""
        held = {"button": "left", "buttons": 1, "clickCount": 1}
        self.call("Input.dispatchMouseEvent", type="mouseMoved", x=begin[0], y=begin[1])
        self.call("Input.dispatchMouseEvent", type="mousePressed", x=begin[0], y=begin[1], **held)
        self.call("Input.dispatchMouseEvent", type="mouseMoved", x=end[0], y=end[1], button="left", buttons=1)
        self.call("Input.dispatchMouseEvent", type="mouseReleased", x=end[0], y=end[1], **held)
        self.settle()

    def fit(self) -> Fit:
        """How the page fits into its window."""
        found = self.ask(_MEASURE)
        return Fit(found["outside"], found["letters"], found["pale"], found["words"])

    def picture(self, path: Path) -> None:
        """A picture of the whole page, as a PNG."""
        size = self.call("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}
        answer = self.call("Page.captureScreenshot", clip=clip, captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(answer["data"]))


@contextmanager
def browser(profile: Path) -> Iterator[Tab]:
    """A browser with one page, which ends with the block; ``profile`` is a folder of its own."""
    program = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if program is None:
        missing("Chromium, to open a page in it")
    heard, commands = os.pipe()
    answers, said = os.pipe()
    process = subprocess.Popen(
        [sys.executable, "-c", _START, str(heard), str(said), program, *QUIET, f"--user-data-dir={profile}"],
        pass_fds=(heard, said),
        stderr=subprocess.DEVNULL,
        process_group=group(),
    )
    os.close(heard)
    os.close(said)
    tab = Tab(process, commands, answers)
    try:
        tab.attach()
        yield tab
        tab.close()
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        os.close(commands)
        os.close(answers)


def fits(source: str, folder: Path) -> dict[int, Fit]:
    """How the page fits into each of the windows."""
    page = folder / "page.html"
    page.write_text(source, encoding="utf-8")
    found = {}
    with browser(folder / "profile") as tab:
        for width in WINDOWS:
            tab.open(page, width)
            found[width] = tab.fit()
    return found
