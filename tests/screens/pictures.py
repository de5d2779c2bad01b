"""Several pictures of one running console: an app is started once for all scenes at one size.

    async with console().run_test(size=SMALL, notifications=True) as pilot:
        await walk(pilot)
        pictures.take(pilot, "pools")

The stored pictures are those of `snap_compare`: `test_name[pools-80x24].svg`. A picture that differs is written to
the test's temporary folder; the test fails when the fixture ends and names all that differ.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pytest_textual_snapshot import SVGImageExtension
from syrupy.assertion import SnapshotAssertion
from textual.pilot import Pilot

from screens.common.memory import Memory
from tests.screens.console_site import settle

SMALL, LARGE = (80, 24), (120, 40)


class Pictures:
    """Compares what is on the screen with the stored pictures of this test."""

    def __init__(self, snapshot: SnapshotAssertion, folder: Path) -> None:
        self._stored = snapshot.use_extension(SVGImageExtension)
        self._folder = folder
        self.taken = 0
        self.wrong: list[str] = []

    def take(self, pilot: Pilot[Any], scene: str) -> None:
        """Compares a scene with its picture at this size."""
        size = pilot.app.size
        self.compare(pilot, f"{scene}-{size.width}x{size.height}")

    def compare(self, pilot: Pilot[Any], name: str) -> None:
        """Compares the screen as it is with the picture of this name."""
        self.taken += 1
        shown = pilot.app.export_screenshot(title=pilot.app.title, simplify=True)
        if self._stored(name=name) != shown:
            path = self._folder / f"{name}.svg"
            path.write_text(shown)
            self.wrong.append(f"{name} (now: {path})")


@pytest.fixture
def pictures(snapshot: SnapshotAssertion, tmp_path: Path) -> Iterator[Pictures]:
    """The pictures of this test; all of them are compared before it fails."""
    seen = Pictures(snapshot, tmp_path)
    yield seen
    assert seen.taken, "The test took no picture."
    assert not seen.wrong, "\n".join(["These pictures differ:", *seen.wrong])


async def back(pilot: Pilot[Any]) -> None:
    """Closes every dialog, and discards what was typed."""
    for _ in range(8):
        if len(pilot.app.screen_stack) == 1:
            return
        await pilot.press("escape")
        await settle(pilot)
        if len(pilot.app.screen_stack) > 1 and type(pilot.app.screen).__name__ == "Confirm":
            await pilot.press("y")
            await settle(pilot)
    raise AssertionError(f"{pilot.app.screen} does not close.")


async def forget(pilot: Pilot[Any]) -> None:
    """Goes to the dashboard as a console does that was just started: no dialog, mark, filter or sort order is left."""
    await back(pilot)
    app: Any = pilot.app
    await settle(pilot)
    await app.open("dashboard")  # the screen that is left remembers how it was looked at
    app.memory = Memory()
    app.clear_notifications()
    await settle(pilot)
