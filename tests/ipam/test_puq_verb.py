"""`kvmtui import puq` as it is typed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.store.database import close_database, open_database, session
from engine.store.migrate import migrate
from engine.store.models import Pool, Server
from engine.store.urls import sqlite_url

HEAD = "server,bridge,vlan,gateway,mask,start,stop\n"
GOOD = HEAD + "3,vmbr0,0,192.0.2.1,24,192.0.2.2,192.0.2.30\n"


@pytest.fixture
def site(home: Path) -> str:
    """A home whose database has the server pve1."""
    url = sqlite_url(home / "kvmtui.db")
    open_database(url)
    migrate()
    with session():
        Server.create(uid="s1", name="pve1", hosts=["192.0.2.250"])
    close_database()
    return url


def pools_of(url: str) -> list[str]:
    open_database(url)
    with session():
        found = [str(row.start) for row in Pool.select()]
    close_database()
    return found


def test_the_verb(site: str, tmp_path: Path, kvmtui: Callable[..., Any]) -> None:
    file = tmp_path / "pools.csv"
    file.write_text(GOOD)
    unknown = kvmtui("import", "puq", str(file))
    assert (unknown.exit, unknown.stdout) == (2, "")
    assert f"{file}:2: its server '3' is not here" in unknown.stderr

    planned = kvmtui("import", "puq", str(file), "--dry-run", "--server-map", "3=pve1")
    assert (planned.exit, pools_of(site)) == (0, [])
    assert planned.stdout == "+ pool pve1 192.0.2.2–192.0.2.30 vmbr0 VLAN 0\n"
    assert "read from pools: server = server" in planned.stderr
    assert "1 of 1 would be imported" in planned.stderr

    refused = kvmtui("--read-only", "import", "puq", str(file), "--server-map", "3=pve1")
    assert (refused.exit, pools_of(site)) == (2, [])

    done = kvmtui("import", "puq", str(file), "--server-map", "3=pve1")
    assert (done.exit, done.stdout, pools_of(site)) == (0, planned.stdout, ["192.0.2.2"])

    again = kvmtui("import", "puq", str(file), "--server-map", "3=pve1", "--json")
    assert json.loads(again.stdout)["changed"] == 0


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["none.csv"], "cannot be read"),
        (["pools.csv", "--server-map", "3"], "--server-map takes OLD=NAME"),
        ([], "FILE"),
    ],
)
def test_bad_usage(
    site: str, tmp_path: Path, kvmtui: Callable[..., Any], arguments: list[str], why: str
) -> None:
    (tmp_path / "pools.csv").write_text(GOOD)
    ran = kvmtui("import", "puq", *(str(tmp_path / a) if a.endswith(".csv") else a for a in arguments))
    assert (ran.exit, ran.stdout) == (2, "")
    assert why in ran.stderr
    assert "Traceback" not in ran.stderr
