"""A burst of keys does what the same keys do one by one, wherever the packets end and however slow the reading is."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from textual import events
from textual.widgets import Input, TextArea

from engine.store import secrets
from engine.store.database import close_database, open_database
from engine.store.models import Audit, Client, Pool, Product, Service, Vm
from engine.store.urls import sqlite_url
from screens.widgets.table import Table
from tests import seeds
from tests.screens.console_site import console, settle
from tests.screens.site_records import records

EXAMPLES = int(os.environ.get("KVMTUI_BURSTS", "4"))
SLOWEST = 0.06
NAMED = {
    "-": "minus",
    "@": "at",
    ".": "full_stop",
    " ": "space",
    "/": "slash",
    ":": "colon",
    "?": "question_mark",
}

Keys = tuple[str, ...]
SINGLE = (
    *"1234567890",
    *("enter", "escape", "down", "up", "tab", "space", "end", "home", "ctrl+s", "ctrl+p", "backspace"),
    *(
        "/",
        "?",
        ":",
        "a",
        "y",
        "n",
        "j",
        "r",
        "x",
        "z",
        "Z",
        "p",
        "O",
        "E",
        "D",
        "R",
        "T",
        "I",
        "d",
        "l",
        "N",
        "s",
        "u",
        "+",
        "i",
        "L",
    ),
)
PHRASES: tuple[Keys, ...] = (
    ("2", "down", "R", *"vps-5547", "enter"),
    ("T", *"vps-5546", "enter"),
    ("2", "space", "space", "z", "2", "tab", *"unpaid", "enter"),
    ("2", "+", "h", "enter"),
    ("2", "r", "down", "enter", "enter"),
    ("2", "x", "end", "up", "enter", *"vps-5546", "enter"),
    ("2", "p", "down", "enter", "y"),
    ("2", "/", *"5548", "enter", "R", *"vps-5548", "enter"),
    ("2", "enter", "right", "right", "left"),
    (":", *"5547", "enter", "z", "enter"),
    ("ctrl+p", *"reboot", "enter"),
    ("7", "+", *"Corvus", "tab", *"ops@corvus.example", "ctrl+s"),
    ("7", "enter", "E", "end", *"x", "tab", "end", *"y", "ctrl+s"),
    ("5", "E", "end", *"b", "ctrl+s"),
    ("5", "E", *"Q", "escape", "y"),
    ("3", "D", *"192.0.2.10", "enter"),
    ("8", "O", "tab", *"4", "ctrl+s", "y"),
    ("d", "down", "down", *"9", "escape", "n"),
)
BURSTS = st.lists(
    st.one_of(st.sampled_from(PHRASES), st.sampled_from(SINGLE).map(lambda key: (key,))),
    min_size=1,
    max_size=5,
).map(lambda parts: tuple(key for part in parts for key in part))


def typed(key: str) -> events.Key:
    """A key as the terminal's driver sends it."""
    character = " " if key == "space" else key if len(key) == 1 else None
    return events.Key(NAMED.get(key, key), character)


@pytest.fixture(scope="module")
def filled(migrated_sqlite: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with a site on it, to be copied for each run."""
    folder = tmp_path_factory.mktemp("bursts")
    shutil.copy(migrated_sqlite, folder / "site.db")
    with opened(folder / "site.db"):
        records()
    return folder / "site.db"


@contextmanager
def opened(path: Path) -> Iterator[None]:
    open_database(sqlite_url(path))
    secrets.use_key_file(path.parent / "secret.key")
    try:
        yield
    finally:
        secrets.forget_key()
        close_database()


async def run(packets: Sequence[Keys], delays: random.Random | None) -> tuple[Any, Any]:
    """What the site and the screen are after these keys; with `delays` None every key is typed slowly."""
    app = console()
    app.hold_seconds = 60.0  # nothing is dropped here, so nothing may differ
    async with app.run_test(size=(100, 30)) as pilot:
        await settle(pilot)
        for packet in packets:
            for key in packet:
                app.post_message(typed(key))
                if delays is None:
                    await settle(pilot)
            if delays is not None:
                await asyncio.sleep(delays.choice((0, 0, 0.005, 0.03)))
        await settle(pilot)
        return site(), screen(app)


def site() -> Any:
    """Everything an operator can change here."""
    return (
        list(Audit.select(Audit.action, Audit.object_id, Audit.reason).order_by(Audit.id).tuples()),
        list(Service.select(Service.id, Service.status, Service.product, Service.options).tuples()),
        list(Vm.select(Vm.service, Vm.vm_status, Vm.node).order_by(Vm.id).tuples()),
        sorted(Client.select(Client.name, Client.email).tuples()),
        sorted(Product.select(Product.name).tuples()),
        Pool.select().count(),
    )


def screen(app: Any) -> Any:
    """Where the console is, and what is typed, marked and under the cursor there."""
    top = app.screen
    return (
        [type(each).__name__ for each in app.screen_stack],
        (app.screen_name, getattr(app.current_screen, "service_id", None)),
        [each.value for each in top.query(Input)] + [each.text for each in top.query(TextArea)],
        [(each.cursor_key, sorted(map(str, each.marks)), each.view.filter) for each in top.query(Table)],
    )


def packets_of(keys: Keys, rng: random.Random) -> list[Keys]:
    """The keys in packets of random length."""
    found, at = [], 0
    while at < len(keys):
        size = rng.choice((1, 2, 3, 8, len(keys)))
        found.append(keys[at : at + size])
        at += size
    return found


@pytest.mark.timeout(1800)
@seed(seeds.SEED)
@given(keys=BURSTS, chance=st.integers(0, 1_000_000))
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate]
    + ([Phase.shrink] if "KVMTUI_BURSTS" in os.environ else []),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_a_burst_does_what_slow_typing_does(
    keys: Keys, chance: int, filled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = random.Random(chance)
    in_thread = asyncio.to_thread

    async def slowly(work: Any, *given: Any, **named: Any) -> Any:
        await asyncio.sleep(rng.choice((0, 0, 0.01, SLOWEST)))
        return await in_thread(work, *given, **named)

    found = []
    for packets, delays in (([keys], None), (packets_of(keys, rng), rng)):
        folder = Path(mkdtemp(dir=tmp_path))  # a thread of the run before may still have its database open
        shutil.copy(filled, folder / "kvmtui.db")
        shutil.copy(filled.parent / "secret.key", folder / "secret.key")
        with opened(folder / "kvmtui.db"), monkeypatch.context() as patched:
            if delays is not None:
                patched.setattr(asyncio, "to_thread", slowly)
            found.append(asyncio.run(run(packets, delays)))
    slow, burst = found
    assert burst == slow
