"""A zone on HestiaCP, by its command API.

HestiaCP answers HTTP 200 to failed commands and `OK` to silent ones, so a change counts as done only when
its return code says 0. It adds the same record twice without a word, and gives the id of a deleted record
to the next one: the zone is listed again right before each change. Commands cannot be batched; the name
server is reloaded once, with the last one. Writers in parallel lose records, hence one per server.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from engine.dns.errors import DnsErrorKind, ProviderError
from engine.dns.http import HttpConnection
from engine.dns.names import absolute, relative, within
from engine.dns.plan import ChangeKind, RecordChange
from engine.dns.provider import (
    ChangeResult,
    Timing,
    ZoneCheck,
    ZoneReport,
    done,
    failed,
    only_requested,
    refused,
    standing,
)
from engine.dns.providers.hestia_wire import HestiaApi
from engine.dns.records import LiveRecord, Record, sent_content
from engine.dns.urls import server_of, without_path
from engine.forms.form import SecretText, many
from engine.forms.kinds import Line, Url
from engine.forms.zone import HttpZoneForm, RequiredLine

WRITERS = ("v-add-dns-record", "v-change-dns-record", "v-delete-dns-record")
_FAILED_CHECK = {DnsErrorKind.AUTH: "key", DnsErrorKind.PERMISSION: "permission"}


def _root(url: str) -> str:
    return without_path(url, "/api")


class HestiaForm(HttpZoneForm):
    """A zone on a HestiaCP server, by access key (recommended) or by the administrator's password."""

    LABEL: ClassVar[str] = "HestiaCP"
    PERMISSION: ClassVar[str] = "an access key limited to the commands below, rather than the password"
    BATCH: ClassVar[int] = 10

    type: Literal["hestiacp"] = Field(title="Type", description="hestiacp.")
    server_url: Annotated[Url, AfterValidator(_root)] = Field(
        title="Server URL", description="Address of the panel, such as https://hestia:8083."
    )
    user: RequiredLine = Field(title="User", description="User that owns the zone.")
    admin_user: Line = Field("", title="Admin user", description="Name of the administrator.")
    admin_password: SecretText = Field(
        "", title="Admin password", description="Password of the administrator."
    )
    access_key: Line = Field("", title="Access key", description="Access key ID, instead of a password.")
    secret_key: SecretText = Field("", title="Secret key", description="Secret of the access key.")

    @model_validator(mode="after")
    def _one_login(self) -> Self:
        password, key = self.admin_user or self.admin_password, self.access_key or self.secret_key
        if password and key:
            raise many(
                [("admin_user", "give either an access key or the administrator's password, not both.")]
            )
        wanted = ("access_key", "secret_key") if key else ("admin_user", "admin_password")
        for field in wanted:
            if not getattr(self, field):
                raise many([(field, "is missing.")])
        return self

    @property
    def endpoint(self) -> str:
        """The address of the panel."""
        return self.server_url

    @property
    def server(self) -> str:
        """Host and port of the panel."""
        return server_of(_root(self.server_url))

    def client(self, timing: Timing) -> Hestia:
        """The zone on that server."""
        return Hestia(self, timing)

    @classmethod
    def secret_to_ask(cls, values: Mapping[str, Any]) -> str:
        """The secret of the access key when there is one, else the administrator's password."""
        return "secret_key" if values.get("access_key") else "admin_password"

    @classmethod
    def with_changes(cls, stored: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
        """One way of logging in replaces the other."""
        if "access_key" in given:
            stored = {**stored, "admin_user": "", "admin_password": ""}
        elif "admin_user" in given:
            stored = {**stored, "access_key": "", "secret_key": ""}
        return {**stored, **given}


class Hestia:
    """Reads and writes one zone of a HestiaCP server."""

    def __init__(self, form: HestiaForm, timing: Timing) -> None:
        self.zone = form.zone
        self._user = form.user
        self._with_key = bool(form.access_key)
        if form.access_key:
            login = {"access_key": form.access_key, "secret_key": form.secret_key}
        else:
            login = {"user": form.admin_user, "password": form.admin_password}
        self._api = HestiaApi(
            form.zone, HttpConnection("HestiaCP", form.server_url, form.trust(), timing), login
        )

    def close(self) -> None:
        """Closes the connection."""
        self._api.close()

    # --- looking ---

    def test(self) -> ZoneReport:
        """Looks whether the server answers, the credentials are taken, and the zone belongs to the user."""
        checks: list[ZoneCheck] = []
        try:
            zones = self._api.table("v-list-dns-domains", self._user, "json", attempts=2)
            checks.append(ZoneCheck("reach", True, f"HestiaCP at {self._api.host} answers"))
            checks.append(ZoneCheck("key", True, "the credentials are accepted"))
            checks.append(self._zone_check(zones))
            if checks[-1].ok:
                checks.append(self._permission_check())
        except ProviderError as error:
            name = _FAILED_CHECK.get(
                error.kind, "zone" if error.kind is DnsErrorKind.MISSING_ZONE else "reach"
            )
            return ZoneReport(self.zone, (*checks, ZoneCheck(name, False, error.sentence)))
        return ZoneReport(self.zone, tuple(checks))

    def _zone_check(self, zones: dict[str, dict[str, str]]) -> ZoneCheck:
        here = {name.lower().rstrip("."): facts for name, facts in zones.items()}.get(self.zone)
        if here is None:
            owner = self._api.owner(self.zone)
            if owner and owner != self._user:
                return ZoneCheck(
                    "zone", False, f"{self.zone} belongs to the user {owner}, not to {self._user}."
                )
            return ZoneCheck(
                "zone", False, f"the user {self._user} has no zone {self.zone}; create it there."
            )
        if here.get("SUSPENDED") == "yes":
            return ZoneCheck("zone", False, f"{self.zone} is suspended at HestiaCP; unsuspend it there.")
        return ZoneCheck("zone", True, f"{self.zone} is there with {here.get('RECORDS', '?')} records")

    def _permission_check(self) -> ZoneCheck:
        """An access key may be limited to commands; one called without its arguments tells, and changes
        nothing.
        """
        if not self._with_key:
            return ZoneCheck("permission", True, f"{self.zone} can be written; an access key would be safer")
        for command in WRITERS:
            self._api.probe(command, self._user)
        return ZoneCheck("permission", True, f"{self.zone} can be written")

    def read(self, names: Collection[tuple[str, str]]) -> list[LiveRecord]:
        """The live records of these names and types, and any CNAME at the names."""
        return only_requested(self._list(), names) if names else []

    def _list(self) -> list[LiveRecord]:
        rows = self._api.table("v-list-dns-records", self._user, self.zone, "json")
        return [self._live(row) for row in rows.values()]

    def _live(self, row: dict[str, str]) -> LiveRecord:
        ttl = row.get("TTL", "")
        record = Record(
            absolute(row.get("RECORD", "@"), self.zone),
            row.get("TYPE", ""),
            row.get("VALUE", ""),
            int(ttl) if ttl.isdigit() else 14400,
        )
        return LiveRecord(record, row.get("ID", ""), disabled=row.get("SUSPENDED") == "yes")

    # --- writing ---

    def apply(self, changes: Sequence[RecordChange]) -> list[ChangeResult]:
        """Writes the changes one after the other, reloads the name server once, and looks at the outcome."""
        results: list[ChangeResult] = []
        stop: ProviderError | None = None
        unloaded = False
        for at, change in enumerate(changes):
            if stop is not None:
                results.append(failed(change, stop))
                continue
            last = at == len(changes) - 1
            try:
                wrote, result = self._one(change, restart=last)
                unloaded = (unloaded or wrote) and not (wrote and last)
            except ProviderError as error:
                result = failed(change, error)
                stop = error if error.stops_everything else None
                unloaded = unloaded or error.unsure
            results.append(result)
        if unloaded and stop is None:
            self._api.reload()
        return self._with_ids(results)

    def _one(self, change: RecordChange, restart: bool) -> tuple[bool, ChangeResult]:
        """Carries one change out against a fresh list; whether something was written, and how it ended."""
        record = change.record
        if not within(record.name, self.zone):
            said = f"{record.name} is outside of the zone {self.zone}."
            return False, refused(change, DnsErrorKind.PERMANENT, said)
        live = self._list()
        old = standing(change.old, live)
        if change.kind is ChangeKind.DELETE:
            if old is None:
                return False, done(change, sentence="it was gone already")
            self._run("v-delete-dns-record", old.id, _yes_no(restart))
            return True, done(change)
        there = standing(LiveRecord(record), live)
        if there is not None and there is not old:
            return False, done(change, there.id, "it was there already")
        if change.kind is ChangeKind.CREATE:
            # The empty arguments keep the later ones in their places: priority, then id.
            self._run("v-add-dns-record", *self._fields(record), "", "", _yes_no(restart), str(record.ttl))
            return True, done(change)
        if old is None:
            said = f"{record.name} {record.type} was changed by somebody else in between."
            return False, refused(change, DnsErrorKind.CONFLICT, said)
        arguments = (old.id, *self._fields(record), "", _yes_no(restart), str(record.ttl))
        self._run("v-change-dns-record", *arguments)
        return True, done(change, old.id)

    def _run(self, command: str, *arguments: str) -> None:
        self._api.change(command, self._user, self.zone, *arguments)

    def _fields(self, record: Record) -> tuple[str, str, str]:
        return relative(record.name, self.zone), record.type, sent_content(record)

    def _with_ids(self, results: list[ChangeResult]) -> list[ChangeResult]:
        """Looks once more: what was created is there, and has this id."""
        if not any(_is_new(result) for result in results):
            return results
        try:
            live = self._list()
        except ProviderError:
            return results  # written anyway; the next read finds the ids
        return [self._found(result, live) if _is_new(result) else result for result in results]

    def _found(self, result: ChangeResult, live: list[LiveRecord]) -> ChangeResult:
        found = standing(LiveRecord(result.change.record), live)
        if found is not None:
            return done(result.change, found.id, result.sentence)
        said = f"HestiaCP accepted {result.change.record} but does not list it. Did another writer undo it?"
        return refused(result.change, DnsErrorKind.TRANSIENT, said)


def _is_new(result: ChangeResult) -> bool:
    return result.ok and not result.id and result.change.kind is not ChangeKind.DELETE


def _yes_no(value: bool) -> str:
    return "yes" if value else "no"
