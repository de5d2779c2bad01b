"""The recordings of the docs: asciinema version 2, with every stop of the tour."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path

import pytest

from kvmtui.demo.recording import STILLS, Cast
from kvmtui.demo.stops import STOPS

DOCS = Path(__file__).parents[2] / "docs"


def test_a_cast_is_a_header_and_lines_of_output() -> None:
    file = io.StringIO()
    cast = Cast(file, 80, 24, "a title")
    cast.add(0.5, b"\x1b[1m\xc3")
    cast.add(1.2345, b"\xa9\r\n")
    cast.add(2.0, b"\xe2\x94")  # never completed
    header, *events = [json.loads(line) for line in file.getvalue().splitlines()]
    assert (header["version"], header["width"], header["height"]) == (2, 80, 24)
    assert events == [[0.5, "o", "\x1b[1m"], [1.234, "o", "é\r\n"]]


@pytest.mark.parametrize("path", sorted(DOCS.glob("recordings/*.cast")), ids=lambda path: path.name)
def test_a_recording_in_the_docs_can_be_played(path: Path) -> None:
    header, *events = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert header["version"] == 2 and path.name == f"tour-{header['width']}x{header['height']}.cast"
    times = [moment for moment, kind, _ in events if kind == "o"]
    assert times == sorted(times) and len(times) == len(events) and 60 < times[-1] < 150
    output = "".join(words for _, _, words in events)
    assert all(f"{number}/{len(STOPS)}  " in output for number in range(1, len(STOPS) + 1))
    assert "/root" not in output and "not found" not in output


def test_every_picture_of_the_tour_is_taken_at_a_stop_and_shown_on_a_page() -> None:
    pages = [DOCS.parent / "README.md", *DOCS.rglob("*.md")]
    shown = {name for page in pages for name in re.findall(r"pictures/(\w+)\.svg", page.read_text())}
    assert set(STILLS.values()) <= shown and set(STILLS) <= {stop.name for stop in STOPS}
