"""Notes of services and clients by the command line: shown, replaced, added to, never lost to somebody else's."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.actions.notes import LONGEST, set_client_notes, set_notes
from engine.audit import Actor
from engine.errors import Refused
from engine.queries.history import history_of
from engine.queries.notes import notes_of, notes_of_client
from engine.store.models import Client, Product, Server, Service
from tests.conftest import Ran, Store
from tests.manifest.conftest import SITE

ME = Actor("noc", "", "cli")


@pytest.fixture
def service(store: Store) -> int:
    product = Product.create(name="P", server=Server.create(uid="s", name="pve", hosts=[]), spec={})
    return int(Service.create(client=Client.create(name="Acme"), product=product).id)


def test_a_change_is_reported_kept_and_refused_on_stale_notes(service: int) -> None:
    assert set_notes(ME, service, " one\r\ntwo \n") == f"The notes of service {service} are saved."
    assert notes_of(service) == "one\ntwo"
    assert "are unchanged" in set_notes(ME, service, "one\ntwo")
    with pytest.raises(Refused, match="changed by somebody else"):
        set_notes(ME, service, "mine", was="one")
    with pytest.raises(Refused, match="10000 characters"):
        set_notes(ME, service, "x" * (LONGEST + 1))
    assert "empty now" in set_notes(ME, service, "", was="one\ntwo")
    assert [each.what for each in history_of(service)] == ["notes", "notes"]


def test_a_client_has_them_too(service: int) -> None:
    set_client_notes(ME, "Acme", "pays late")
    assert notes_of_client("Acme") == "pays late" == Client.get().notes
    with pytest.raises(Refused, match="changed by somebody else"):
        set_client_notes(ME, "Acme", "x", was="")
    with pytest.raises(Refused, match=r"Client 'Acm' not found\. Did you mean 'Acme'"):
        set_client_notes(ME, "Acm", "x")


@pytest.mark.parametrize("noun", [("service", "5546"), ("client", "Acme")])
def test_the_verbs(kvmtui: Callable[..., Ran], tmp_path: Path, noun: tuple[str, str]) -> None:
    file = tmp_path / "site.yaml"
    file.write_text(SITE)
    kvmtui("apply", str(file))
    verb = (noun[0], "notes", noun[1])
    assert kvmtui(*verb).stderr == "Nobody wrote any notes yet.\n"
    assert kvmtui(*verb, "--add", "first").exit == 0
    kvmtui(*verb, "--add", "second \x1b[31m")
    assert kvmtui(*verb).stdout == "first\nsecond �[31m\n"
    assert json.loads(kvmtui(*verb, "--file", "-", "--json", stdin="new\n").stdout) == {"notes": "new"}
    for wrong in (("--set", "a", "--add", "b"), ("--file", "/no/such")):
        ran = kvmtui(*verb, *wrong)
        assert ran.exit == 2 and "Traceback" not in ran.stderr
    assert kvmtui("--read-only", *verb, "--set", "x").exit == 2
    assert kvmtui(*verb).stdout == "new\n"
