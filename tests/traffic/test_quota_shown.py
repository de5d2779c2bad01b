"""The command line shows a traffic quota and takes its options."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from engine.clock import now_ms
from engine.store.database import close_database, open_database
from engine.store.models import Traffic, Vm
from engine.store.urls import sqlite_url
from tests.conftest import Ran
from tests.manifest.conftest import SITE

GIB = 2**30
SERVICE = 5546


def test_the_command_line_shows_it(kvmtui: Callable[..., Ran], home: Path, tmp_path: Path) -> None:
    manifest = tmp_path / "site.yaml"
    manifest.write_text(SITE)
    assert kvmtui("apply", str(manifest)).exit == 0
    plain = json.loads(kvmtui("service", "show", "5546", "--json").stdout)
    assert plain["traffic_quota"] is None and "unlimited" in kvmtui("vm", "show", "5546").stdout
    changed = kvmtui(
        "service", "options", "5546", "--option", "traffic_gib=100", "--option", "traffic_warn=50"
    )
    assert changed.exit == 0, changed.stderr
    open_database(sqlite_url(home / "kvmtui.db"))
    Traffic.insert(vm=Vm.get().id, service=SERVICE, hour=now_ms(), bytes_in=60 * GIB).execute()
    close_database()
    for verb in ("service", "vm"):
        found = json.loads(kvmtui(verb, "show", "5546", "--json").stdout)["traffic_quota"]
        assert (found["used"], found["percent"], found["state"]) == (60 * GIB, 60, "warned")
        assert "60.0 GiB of 100.0 GiB" in kvmtui(verb, "show", "5546").stdout
    refused = kvmtui("service", "options", "5546", "--option", "traffic_action=explode")
    assert refused.exit == 2 and "traffic_action" in refused.stderr
