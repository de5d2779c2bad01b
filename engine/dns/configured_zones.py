"""The zones of this site: from their rows to what providers and matching need."""

from __future__ import annotations

from typing import Any

from engine.dns import matching
from engine.dns.provider import Provider, Timing
from engine.dns.providers import PROVIDERS
from engine.errors import Refused
from engine.forms.zone import ZoneForm, zone_form
from engine.store import secrets
from engine.store.models import Zone


def form_of(row: Zone) -> ZoneForm:
    """The zone as its form, secrets in clear; refused when a secret does not open or a value is no longer valid."""
    clear = {name: secrets.unseal(sealed, "zone", row.uid, name) for name, sealed in row.secrets.items()}
    return zone_form({"zone": row.name, "type": row.type, "ttl": row.ttl, **row.config, **clear})


def provider_of(row: Zone, timing: Timing | None = None) -> Provider:
    """The zone's provider, opened; the caller closes it."""
    return form_of(row).open(timing or Timing())


def public_form_of(row: Zone) -> ZoneForm:
    """The zone's form without its secrets, as stored: for what only depends on where the zone is."""
    form = PROVIDERS.get(row.type)
    if form is None:
        raise Refused(
            f"This version of kvmtui does not know the DNS provider '{row.type}' of zone {row.name}."
        )
    stored: dict[str, Any] = {"zone": row.name, "type": row.type, "ttl": row.ttl, **row.config}
    return form.model_construct(**stored)


def zone_of(row: Zone) -> matching.ConfiguredZone:
    """The zone as matching sees it."""
    return matching.ConfiguredZone(row.id, row.name, row.type, public_form_of(row).server_key)


def all_zones() -> dict[int, Zone]:
    """Every zone's row by its id."""
    return {row.id: row for row in Zone.select().order_by(Zone.id)}
