"""A provider is declared once: manifest, command line, console, secrets and documentation follow from it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Literal

import pytest
from pydantic import Field

from engine.actions.zones import ZONES, create_zone, put_zone
from engine.audit import Actor
from engine.dns import configured_zones, providers
from engine.dns.provider import Provider, Timing
from engine.dns.reference import with_table
from engine.errors import Refused
from engine.forms import ZoneForm, secret_fields, zone_form
from engine.forms.zone import RequiredSecret
from engine.store.models import Zone
from tests.conftest import Store

ROOT = Path(__file__).parents[2]
ME = Actor(login="test", source="cli")


class BeaconForm(ZoneForm):
    """A provider nobody has heard of."""

    LABEL: ClassVar[str] = "Beacon"
    type: Literal["beacon"] = Field(title="Type", description="beacon.")
    lamp: str = Field(title="Lamp", description="Which lamp.")
    oil: RequiredSecret = Field(title="Oil", description="What it burns.")

    @property
    def endpoint(self) -> str:
        return self.lamp

    @property
    def server(self) -> str:
        return self.lamp.lower()

    def client(self, timing: Timing) -> Provider:
        raise NotImplementedError


@pytest.fixture
def beacon(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.setitem(providers.PROVIDERS, BeaconForm.provider(), BeaconForm)
    return {"zone": "example.com", "type": "beacon", "lamp": "North", "oil": "very-secret-oil"}


def test_a_new_provider_is_kept_with_its_secret_sealed(sqlite_store: Store, beacon: dict[str, Any]) -> None:
    create_zone(zone_form(beacon), ME)
    row = Zone.get()
    assert (row.type, row.endpoint, row.config) == ("beacon", "North", {"lamp": "North"})
    assert "very-secret-oil" not in row.secrets["oil"]
    assert configured_zones.form_of(row) == zone_form(beacon)
    assert configured_zones.zone_of(row).label == "example.com/Beacon"
    assert ZONES.values(row)["oil"] == "__KEEP__"


def test_a_new_provider_has_its_options_form_and_line_in_the_docs(beacon: dict[str, Any]) -> None:
    import typer
    from typer.testing import CliRunner

    from kvmtui.terminal.zone_options import with_provider_options
    from screens.framework.form_questions import questions

    app = typer.Typer()

    @app.command()
    @with_provider_options
    def add(**given: Any) -> None:
        print(given["lamp"])

    assert CliRunner().invoke(app, ["--lamp", "South"]).stdout == "South\n"
    assert CliRunner().invoke(app, ["--oil", "x"]).exit_code == 2, "a secret is an option"
    asked = {each.name: each.kind for each in questions(BeaconForm)}
    assert asked["oil"] == "secret" and "lamp" in asked
    assert "| Beacon | `beacon` | `lamp`; `oil` (secret) |" in with_table("")


@pytest.mark.parametrize("name", providers.PROVIDERS)
def test_every_provider_declares_what_others_rely_on(name: str) -> None:
    form = providers.PROVIDERS[name]
    assert form.LABEL and form.PERMISSION and form.__doc__ and secret_fields(form)
    assert all(info.title and info.description for info in form.model_fields.values())


def test_the_table_in_the_docs_is_the_declared_one() -> None:
    page = (ROOT / "docs" / "dns.md").read_text(encoding="utf-8")
    assert with_table(page) == page, "run: python -m engine.dns.reference docs/dns.md"


def test_one_zone_on_one_server_is_one_row_however_its_address_is_spelled(sqlite_store: Store) -> None:
    values = {"zone": "example.com", "type": "powerdns", "api_key": "some-key"}
    create_zone(zone_form({**values, "server_url": "http://pdns:8081"}), ME)
    for url in ("http://pdns:8081/", "http://PDNS:8081/api/v1"):
        assert put_zone(zone_form({**values, "server_url": url}), ME).verb == "same"
    with pytest.raises(Refused, match="already"):
        create_zone(zone_form({**values, "server_url": "http://pdns:8081/api/v1"}), ME)
    assert Zone.select().count() == 1


def test_a_row_written_before_addresses_were_normalised_is_found_again(sqlite_store: Store) -> None:
    values = {"zone": "example.com", "type": "powerdns", "api_key": "some-key"}
    create_zone(zone_form({**values, "server_url": "http://pdns:8081"}), ME)
    old = "http://pdns:8081/api/v1"
    Zone.update(endpoint=old, config={"server_url": old, "tls": {}}).execute()
    assert put_zone(zone_form({**values, "server_url": old, "ttl": 600}), ME).verb == "change"
    assert [(row.endpoint, row.ttl) for row in Zone.select()] == [("http://pdns:8081", 600)]
