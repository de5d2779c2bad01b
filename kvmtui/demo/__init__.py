"""`kvmtui --demo`: the console on a throw-away world on this host. Nothing outside is touched, nothing is kept.

world.py      the simulated cluster, DNS server and their manifest
sample_vms.py existing VMs, and VMs being deployed
history.py    a year of charts, drift, schedules, and changes that wait
yesterday.py  a day of figures of the cluster
stops.py      what the tour shows, and what it says
tour.py       the console walks through it by itself
recording.py  the tour as pictures and recordings for the docs
plain.py      output without a terminal: the engine's log lines
"""

from __future__ import annotations

import os
import sys
import tempfile
from functools import partial
from pathlib import Path

from engine.errors import Refused


def run(read_only: bool = False, low_bandwidth: bool = False, tour: float = 0.0) -> int:
    """Bring the world up, open the console on it, and take everything down again.

    `tour`: walk through it at so many times the usual speed; 0: no tour.
    """
    try:
        from kvmtui.demo import plain
        from kvmtui.demo.world import DemoWorld
    except ImportError as error:
        raise Refused(
            "The demo needs the simulated cluster; run in the checkout: pip install '.[lab]'"
        ) from error
    with tempfile.TemporaryDirectory(prefix="kvmtui-demo-") as folder:
        for name in [name for name in os.environ if name.startswith("KVMTUI_")]:
            del os.environ[name]
        os.environ["KVMTUI_HOME"] = folder
        Path(folder, "config.toml").write_text('site_name = "Demo, nothing here is real"\n')
        with DemoWorld(folder) as world:
            world.settle()
            from kvmtui import app

            if not sys.stdout.isatty() and not app.in_browser(os.environ):
                return plain.run()

            if not tour:
                return app.run(read_only=read_only, low_bandwidth=low_bandwidth)
            from kvmtui.demo.tour import TourConsole

            return app.run(False, low_bandwidth, partial(TourConsole, speed=tour))
