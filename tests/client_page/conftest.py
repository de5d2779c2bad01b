"""A whole site with two clients, shared by the tests of a worker."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests import program
from tests.api import whole as site
from tests.api.whole import Whole
from tests.client_page.visitor import Visitor

MORE = """
products:
  - {name: VPS-2, server: pve-lab, template: 9002, clone: full, first_vmid: 3000, name_rule: "vps-{service_id}",
     main_domain: example.com, cores: 2, memory: 2048, snapshots: 3, snapshot_lifetime: 5, backups: 2,
     backup_storage: backup, iso_storage: iso, system_disk: {storage: local-lvm, size: 12}, offered_templates: [9001]}
  - {name: Bare, server: pve-lab, template: 9002, clone: full, first_vmid: 3000, name_rule: "bare-{service_id}",
     main_domain: example.com, system_disk: {storage: local-lvm, size: 12},
     permissions: {start: false, stop: false, console: false, charts: false, reinstall: false, password: false,
                   rdns: false, iso: false, firewall: false}}
clients:
  - {name: Rival, email: ops@rival.example, language: de}
services:
  - {id: 6000, client: Rival, product: VPS-2}
  - {id: 6001, client: Rival, product: Bare}
"""


class ClientSite:
    """The site, and visits to its pages."""

    def __init__(self, whole: Whole) -> None:
        self.whole = whole

    def link(self, service: int = 5546, **body: bool) -> str:
        """A fresh link to the page of a service."""
        made = self.whole.call("POST", f"/api/v1/services/{service}/session", 201, json=body)
        return str(made["url"])

    def visit(self, service: int = 5546, **body: bool) -> Visitor:
        """A browser that opened a link."""
        visitor = Visitor(self.whole.url)
        assert visitor.enter(self.link(service, **body)).status_code == 200
        return visitor


@pytest.fixture(scope="session")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClientSite]:
    """A site with the services 5546 of Acme, and 6000 and 6001 of Rival."""
    folder = tmp_path_factory.mktemp("client-page")
    home = folder / "home"
    home.mkdir(mode=0o700)
    yield from started(home)


def started(home: Path) -> Iterator[ClientSite]:
    """The site, until it is no longer needed."""
    run = partial(program.process, home)
    with site.running(home, run, home / "site.yaml") as whole:
        more = home / "more.yaml"
        more.write_text(MORE)
        more.chmod(0o600)
        ran = run("apply", str(more))
        assert ran.exit == 0, ran.stderr
        for number in (6000, 6001):
            site.settle(whole, number)
        yield ClientSite(whole)
