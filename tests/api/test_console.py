"""The noVNC console over the API: a link that opens once, for VMs the token sees."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from engine.clock import now_ms
from engine.consoles import console_options
from engine.consoles.console_options import ConsoleSettings
from engine.roles import Role
from engine.store.models import Audit, Client
from tests.api.conftest import Api, token
from tests.consoles.conftest import SERVICE, ConsoleSite, site
from tests.consoles.screen_browser import Browser, path_of

__all__ = ["site"]

PATH = f"/api/v1/services/{SERVICE}/vm/console"


@pytest.fixture(autouse=True)
def scripts(tmp_path: Path) -> Iterator[None]:
    """A noVNC that is small enough."""
    (tmp_path / "novnc" / "core").mkdir(parents=True)
    (tmp_path / "novnc" / "core" / "rfb.js").write_text("export default class {}\n")
    console_options.use(ConsoleSettings(), tmp_path / "novnc")
    yield
    console_options.use(ConsoleSettings(), Path())


def test_a_link_opens_once_within_seconds(site: ConsoleSite, serve: Callable[..., Api]) -> None:
    api = serve(token("desk", Role.SUPPORT))
    link = api.ok("POST", PATH, 201)
    expires = datetime.fromisoformat(link["expires"]).timestamp() * 1000
    assert 0 < expires - now_ms() <= 10_000
    browser = Browser(urlsplit(link["url"]).port or 80)
    found = browser.seat(browser.open(link["url"]))
    assert browser.get(path_of(link["url"])).status == 410
    with browser.take(found["seat"]) as line:
        assert line.recv(timeout=5) == b"RFB 003.008\n"
    row = Audit.get(Audit.action == "console-open")
    assert (row.kind, row.object_id, row.source) == ("vm", str(SERVICE), "api")
    assert row.login.startswith("token:desk") and path_of(link["url"]) not in str(row.__data__)


def test_it_is_refused_to_a_viewer_and_outside_the_limits(
    site: ConsoleSite, serve: Callable[..., Api]
) -> None:
    serve(token("viewer", Role.VIEWER)).problem("POST", PATH, 403)
    Client.create(name="Rival", email="ops@rival.example")
    shop = serve(token("rival", Role.OWNER, clients=("Rival",)))
    assert shop.problem("POST", PATH, 404)["detail"] == f"Service {SERVICE} not found."
    assert not Audit.select().where(Audit.action == "console-open").exists()


def test_a_vm_that_does_not_run_says_so(site: ConsoleSite, serve: Callable[..., Api]) -> None:
    site.vm.delete_instance()
    found = serve(token("desk", Role.SUPPORT)).problem("POST", PATH, 404)
    assert "no VM" in found["detail"]
