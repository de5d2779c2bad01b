"""Takes the pictures that the README and the pages show, of the real console on the demo's world.

    python docs/pictures/take.py [name …]

Each is an SVG beside this file. What they show differs a little each time, for the machines really are deployed.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from textual.pilot import Pilot

HERE = Path(__file__).parent
SIZE = (120, 36)
SHOTS: dict[str, tuple[str, ...]] = {
    "dashboard": ("1",),
    "deploying": ("2", "L"),
    "machine": ("2", *["down"] * 5, "enter"),
    "package": ("2", "enter", "p", "down", "enter"),
}


async def take(names: list[str]) -> None:
    """Takes the named pictures, in one console."""
    from kvmtui.app import OwnEngine
    from screens.common.memory import Memory
    from screens.shell import themes
    from screens.shell.console import Console, Setup

    engine = OwnEngine(read_only=False)
    appearance = themes.Appearance(tick_seconds=0.2)
    console = Console(
        Setup("Example Hosting", appearance, memory=Memory(), owner=lambda: engine.owner, ready=engine.start)
    )
    try:
        async with console.run_test(size=SIZE) as pilot:
            await asyncio.sleep(4)
            for name in names:
                await shoot(pilot, name)
    finally:
        engine.stop()


async def shoot(pilot: Pilot[Any], name: str) -> None:
    """Walks there by keys and writes what is seen."""
    app: Any = pilot.app
    await app.open("dashboard")
    for key in SHOTS[name]:
        await pilot.press(key)
        await asyncio.sleep(1.2)
    picture: str = app.export_screenshot(title="kvmtui", simplify=True)
    (HERE / f"{name}.svg").write_text(picture)
    while len(app.screen_stack) > 1:
        app.pop_screen()
    await pilot.press("escape")


def main(names: list[str]) -> None:
    """Brings the demo's world up in a folder of its own and takes the pictures in it."""
    from engine.store import drivers
    from kvmtui import config
    from kvmtui.demo.world import DemoWorld

    unknown = set(names) - set(SHOTS)
    if unknown:
        raise SystemExit(f"There is no picture {', '.join(sorted(unknown))}; there are: {', '.join(SHOTS)}.")
    with tempfile.TemporaryDirectory(prefix="kvmtui-pictures-") as folder:
        os.environ["KVMTUI_HOME"] = folder
        with DemoWorld(folder) as world:
            world.settle()
            site = config.load()
            drivers.needed_by(site.database)
            config.open_site(site)
            try:
                asyncio.run(take(names or list(SHOTS)))
            finally:
                config.close_site()


if __name__ == "__main__":
    main(sys.argv[1:])
