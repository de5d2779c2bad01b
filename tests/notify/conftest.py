"""A site whose notifications go to a real HTTP server, a real mail server, and nowhere else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.checked import checked
from engine.notify import queue, settings
from engine.notify.sender import NotifySender
from engine.notify.settings import NotifySettings
from tests.webhooks.conftest import Site, _recorded, shop, site, sqlite_site

__all__ = ["Site", "_recorded", "shop", "site", "sqlite_site"]

Use = Callable[..., None]


@pytest.fixture
def use(tmp_path: Path) -> Iterator[Use]:
    """Sets targets by name: `use(ops={"url": …})`; other settings of `[notify]` are given as `notify`."""

    def set_targets(notify: dict[str, Any] | None = None, **targets: dict[str, Any]) -> None:
        given = checked(NotifySettings, {**(notify or {}), "targets": targets})
        settings.use(given, tmp_path, "lab", "UTC")

    yield set_targets
    settings.use(NotifySettings(), Path(), "kvmtui", "UTC")


@pytest.fixture
def sending(sqlite_site: Site, monkeypatch: pytest.MonkeyPatch) -> Iterator[NotifySender]:
    """A sender at work, with short pauses."""
    monkeypatch.setattr(queue, "PAUSES_S", (0.05, 0.1))
    sender = NotifySender()
    sender.start()
    yield sender
    assert sender.stop(5)
