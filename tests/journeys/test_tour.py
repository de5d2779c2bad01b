"""`kvmtui --demo --tour` on a real terminal: every stop shows what its caption says, and any key ends it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from kvmtui.demo.stops import STOPS
from tests.journeys.pseudo_terminal import Console

SPEED = "40"


@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=lambda size: f"{size[0]}x{size[1]}")
def test_each_stop_shows_what_its_caption_says(
    console: Callable[..., Console], size: tuple[int, int]
) -> None:
    shown = console("--demo", "--tour", "--tour-speed", SPEED, size=size)
    for number, stop in enumerate(STOPS, 1):
        shown.until(stop.shows)
        shown.until(f"{number}/{len(STOPS)} {stop.words}")
        shown.forget()
    shown.press(b"x")
    shown.until("Palette")
    shown.press(b"q")
    assert shown.ended() == 0
    assert b"not found" not in shown.everything


def test_any_key_ends_it_and_leaves_the_demo(console: Callable[..., Console]) -> None:
    shown = console("--demo", "--tour")
    shown.until(f"1/{len(STOPS)} {STOPS[0].words}")  # not the 1/15 of a deploy
    shown.forget()
    shown.press(b"x")
    shown.until("Palette")
    shown.press(b"2")
    shown.until("25 VMs")
    shown.press(b"q")
    assert shown.ended() == 0


@pytest.mark.parametrize("arguments", [("--tour",), ("--demo", "--tour", "--read-only")])
def test_a_tour_without_a_demo_is_refused(kvmtui: Callable[..., object], arguments: tuple[str, ...]) -> None:
    ran = kvmtui(*arguments)
    assert ran.exit == 2 and "--tour needs --demo" in ran.stderr  # type: ignore[attr-defined]
