"""DNS zones: make, change, delete."""

from __future__ import annotations

import uuid
from typing import Any

from engine.actions.lookup import found
from engine.actions.permission import needs
from engine.actions.repository import PutResult, Repository, create, put, remove
from engine.audit import Actor
from engine.dns import configured_zones, ledger
from engine.dns.sender import CHANNEL, destination_of
from engine.errors import Refused
from engine.forms.form import KEEP, plain, secret_fields
from engine.forms.zone import ZoneForm, zone_forms
from engine.roles import Role
from engine.store import secrets
from engine.store.database import in_transaction
from engine.store.models import DnsRecord, Zone
from engine.work import sending, wake

_OWN_COLUMNS = frozenset({"zone", "type", "ttl"})


class Zones(Repository[Any, Zone]):
    """The zones of the site."""

    kind = "zone"

    def find(self, form: ZoneForm) -> Zone | None:
        """The zone of that name at that provider's server, however the server's address is spelled."""
        rows = Zone.select().where(Zone.name == form.zone, Zone.type == form.provider())
        return next(
            (row for row in rows if configured_zones.public_form_of(row).identity == form.identity), None
        )

    def name(self, form: ZoneForm) -> str:
        """Name, type and endpoint."""
        return f"{form.zone} {form.provider()} {form.endpoint}"

    def values(self, row: Zone) -> dict[str, Any]:
        """The zone as its form reads."""
        hidden = secret_fields(zone_forms()[row.type])
        kept = {field: KEEP if row.secrets.get(field) else "" for field in hidden}
        return {"zone": row.name, "type": row.type, "ttl": row.ttl, **row.config, **kept}

    def secret(self, row: Zone, field: str) -> str:
        """A stored secret in clear."""
        return secrets.unseal(row.secrets.get(field, ""), "zone", row.uid, field)

    def create(self, form: ZoneForm) -> Zone:
        """Write a new zone."""
        return self._written(Zone(uid=str(uuid.uuid4()), secrets={}), form)

    def update(self, row: Zone, form: ZoneForm) -> Zone:
        """Write over it; changes that wait for this zone are tried again at once."""
        if row.type != form.provider():
            raise Refused(
                f"Zone {row.name} is at {row.type} and cannot become {form.provider()}; add another zone."
            )
        row = self._written(row, form)
        ledger.retry_zone(row.id)
        sending.retry_now([destination_of(row)])
        wake.notify(CHANNEL)
        return row

    def _written(self, row: Zone, form: ZoneForm) -> Zone:
        hidden = secret_fields(type(form))
        row.name, row.type, row.ttl = form.zone, form.provider(), form.ttl
        row.endpoint = form.endpoint
        row.config = {
            name: value
            for name, value in plain(form).items()
            if name not in hidden and name not in _OWN_COLUMNS
        }
        row.secrets = {field: self._sealed(row, form, field) for field in sorted(hidden)}
        row.save()
        return row

    def _sealed(self, row: Zone, form: ZoneForm, field: str) -> str:
        value = getattr(form, field)
        if value == KEEP:
            return str(row.secrets.get(field, ""))
        return secrets.seal(value, "zone", row.uid, field)


ZONES = Zones()


@needs(Role.OWNER, "create a DNS zone", whole_site=True)
def create_zone(form: ZoneForm, actor: Actor) -> PutResult:
    """Make a new zone; refused when there is one like it already."""
    return create(ZONES, form, actor)


@needs(Role.OWNER, "change a DNS zone", whole_site=True)
def put_zone(form: ZoneForm, actor: Actor, zone_id: int | None = None) -> PutResult:
    """Make the zone of that name, type and endpoint, or the one of that id, match the form."""
    row = None if zone_id is None else found(Zone, Zone.id == zone_id, f"zone {zone_id}")
    return put(ZONES, form, actor, row)


@needs(Role.OWNER, "delete a DNS zone", whole_site=True)
def delete_zone(zone_id: int, actor: Actor, forget_records: bool = False) -> None:
    """Delete a zone. Records we wrote in it stay at the provider, so that must be said when there are some."""
    in_transaction(lambda: _delete(zone_id, actor, forget_records))


def _delete(zone_id: int, actor: Actor, forget_records: bool) -> None:
    row = found(Zone, Zone.id == zone_id, f"zone {zone_id}")
    ours = DnsRecord.select().where(DnsRecord.zone == zone_id, DnsRecord.claimed == True).count()  # noqa: E712
    if ours and not forget_records:
        raise Refused(
            f"The zone {row.name} at {row.type} was not deleted: {ours} records in it are ours. "
            "Remove the VMs first, or leave the records at the provider with --forget-records."
        )
    DnsRecord.delete().where(DnsRecord.zone == zone_id).execute()
    remove(actor, "zone", row, f"{row.name} {row.type} {row.endpoint}")
