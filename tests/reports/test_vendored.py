"""The library in the pages is the one that is written down, whole, with its licence."""

from __future__ import annotations

import hashlib
import json
import re

from reports import interactive

UPLOT = interactive.UPLOT


def test_every_file_is_as_it_was_published() -> None:
    written = json.loads((UPLOT / "vendored.json").read_text(encoding="utf-8"))
    found = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in UPLOT.iterdir()}
    del found["vendored.json"]
    assert found == written["sha256"]
    assert f"(v{written['version']})" in (UPLOT / "uPlot.iife.min.js").read_text(encoding="utf-8")


def test_a_copy_of_the_library_has_its_licence() -> None:
    library, _ = interactive.scripts().sources
    for line in (UPLOT / "LICENSE").read_text(encoding="utf-8").splitlines():
        assert line in library


def test_no_script_ends_its_element_or_asks_for_anything() -> None:
    for source in interactive.scripts().sources:
        assert "</script" not in source.lower()
        assert "<!--" not in source
        assert not re.search(r"\bfetch\(|XMLHttpRequest|\bimport\(|WebSocket|sendBeacon|\beval\(", source)
