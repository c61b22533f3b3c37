"""A canary: pages rewrite the SVG that matplotlib writes, whose form nobody promises."""

from __future__ import annotations

import io
import re

from matplotlib.figure import Figure

from reports import canvas

SENTENCE = (
    "matplotlib writes its SVG in another form than reports/canvas.py rewrites: look at canvas.svg, then"
    " raise the upper bound in pyproject.toml"
)


def written() -> str:
    """A figure with a clip path and a marker, as matplotlib writes it."""
    with canvas.style("canary"):
        figure = Figure(figsize=(2.0, 1.0))
        figure.subplots().plot([0, 1], [0, 1], color=canvas.INK, marker=".")
        file = io.StringIO()
        figure.savefig(file, format="svg", metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")))
        return file.getvalue()


def test_the_svg_has_the_form_that_is_rewritten() -> None:
    text = written()
    head = re.search(r"<svg [^>]*>", text)
    assert head is not None, SENTENCE
    assert text.count("<svg") == 1, SENTENCE
    assert re.findall(r' (width|height)="[\d.]+pt"', head[0]) == ["width", "height"], SENTENCE
    assert canvas.INK in text, SENTENCE
    # An id is named in these three ways and in no other, so each of them gets the name of its plot.
    ids = re.findall(r'\bid="([^"]+)"', text)
    used = re.findall(r'(?:url\(#|href="#)([^")]+)', text)
    assert used, SENTENCE
    assert set(used) <= set(ids), SENTENCE
    assert sum(text.count(f"#{name}") for name in set(used)) == len(used), SENTENCE


def test_equal_figures_are_equal_bytes_without_a_date() -> None:
    text = written()
    assert text == written(), SENTENCE
    assert "<dc:date>" not in text, SENTENCE
    assert "Matplotlib v" not in text, SENTENCE
