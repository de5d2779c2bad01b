"""A zone at Cloudflare, by its v4 API.

Cloudflare keeps several records at one name, each with its id, so changes address the ids seen right
before. They go out in atomic batches; when one is refused, halving it names the bad record. Calls are
rationed per token, because Cloudflare shuts out a token for five minutes that asks too much. Names travel
without final dot. `proxied` is always sent as false: a proxied record would answer with Cloudflare's
addresses instead of the VM's.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, Field

from engine.dns.batching import chunks, send_bisected
from engine.dns.budget import bucket_of
from engine.dns.errors import DnsErrorKind, ProviderError
from engine.dns.http import HttpConnection, Reply
from engine.dns.names import normalise, within
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
from engine.dns.providers.cloudflare_errors import ALREADY_GONE, ALREADY_THERE, refusal
from engine.dns.records import LiveRecord, Record
from engine.dns.urls import server_of
from engine.errors import Refused
from engine.forms.kinds import Line, Url
from engine.forms.zone import HeaderSecret, HttpZoneForm

MOST_OPERATIONS = 200
LARGEST_BODY = 500_000
PAGE = 1000
SINGLE_READS = 3  # up to here, names are read one by one; beyond, the whole zone costs fewer calls
EDIT = "#dns_records:edit"
DENIED = 10000
DENIED_PAUSES = (0.1, 0.3)  # Cloudflare says “Authentication error” now and then without meaning it
_FAILED_CHECK = {
    DnsErrorKind.AUTH: "key",
    DnsErrorKind.PERMISSION: "permission",
    DnsErrorKind.MISSING_ZONE: "zone",
}


CLOUDFLARE_API = "https://api.cloudflare.com/client/v4"


def _plain_id(text: str) -> str:
    if not (text.isascii() and text.isalnum()):
        raise ValueError("is not a Cloudflare zone ID, which has letters and digits only.")
    return text


class CloudflareForm(HttpZoneForm):
    """A zone at Cloudflare."""

    LABEL: ClassVar[str] = "Cloudflare"
    PERMISSION: ClassVar[str] = (
        "Zone / DNS / Edit on the zone; with Zone / Zone / Read the test compares the zone's name"
    )

    type: Literal["cloudflare"] = Field(title="Type", description="cloudflare.")
    account_id: Line = Field(
        "", title="Account ID", description="ID of the account; needed for account tokens (cfat_…)."
    )
    zone_id: Annotated[str, AfterValidator(_plain_id)] = Field(
        title="Zone ID", description="From the zone's overview page."
    )
    api_token: HeaderSecret = Field(title="API token", description="A token that may edit this zone's DNS.")
    api_url: Url = Field(
        CLOUDFLARE_API, title="API URL", description="Another endpoint than Cloudflare's own."
    )

    @property
    def endpoint(self) -> str:
        """The zone ID."""
        return self.zone_id

    @property
    def identity(self) -> str:
        """The zone ID."""
        return self.zone_id

    @property
    def server(self) -> str:
        """The account. Zones without an account ID count as one account: the token that would tell is sealed."""
        return f"{server_of(self.api_url)}#{self.account_id.strip().lower()}"

    def client(self, timing: Timing) -> Cloudflare:
        """The zone in that account."""
        return Cloudflare(self, timing)


@dataclass(frozen=True, slots=True)
class _Operation:
    """One entry of a batch: which change it carries out, in which list, with which body."""

    at: int
    list_name: str
    body: dict[str, Any]


class Cloudflare:
    """Reads and writes one zone of a Cloudflare account."""

    def __init__(self, form: CloudflareForm, timing: Timing) -> None:
        self.zone = form.zone
        self._zone_id = form.zone_id
        self._account_id = form.account_id
        self._is_account_token = form.api_token.startswith("cfat_")
        self._bucket = bucket_of(form.api_token)
        headers = {"Authorization": f"Bearer {form.api_token}"}
        self._api = HttpConnection("Cloudflare", form.api_url, form.trust(), timing, headers)
        self._records = f"/zones/{self._zone_id}/dns_records"

    def close(self) -> None:
        """Closes the connection."""
        self._api.close()

    # --- looking ---

    def test(self) -> ZoneReport:
        """Looks whether Cloudflare answers, the token is alive, the zone is this one and may be edited."""
        checks: list[ZoneCheck] = []
        try:
            checks += self._token_checks()
            if checks[-1].ok is False:
                return ZoneReport(self.zone, tuple(checks), "Make a new token at Cloudflare.")
            checks += self._zone_checks()
        except ProviderError as error:
            name = _FAILED_CHECK.get(error.kind, "zone" if checks else "reach")
            return ZoneReport(self.zone, (*checks, ZoneCheck(name, False, error.sentence)))
        return ZoneReport(self.zone, tuple(checks))

    def _token_checks(self) -> list[ZoneCheck]:
        """Asks after the token; tokens of an account are known under that account only."""
        path = "/user/tokens/verify"
        if self._is_account_token:
            if not self._account_id:
                return [
                    ZoneCheck("key", None, "a token of an account can be verified only with the account ID")
                ]
            path = f"/accounts/{self._account_id}/tokens/verify"
        verified = self._get(path, attempts=2)
        status = str((verified.get("result") or {}).get("status", "unknown"))
        reach = ZoneCheck("reach", True, f"Cloudflare at {self._api.host} answers")
        return [reach, ZoneCheck("key", status == "active", f"the API token is {status}")]

    def _zone_checks(self) -> Iterator[ZoneCheck]:
        try:
            zone = self._get(f"/zones/{self._zone_id}", attempts=3)["result"]
        except ProviderError as error:
            if error.status != 403:
                raise
            # A token for DNS alone may not read the zone itself; its records tell enough.
            self._get(self._records, params={"per_page": 1})
            yield ZoneCheck(
                "zone", None, f"the token may not read the zone, so its name {self.zone} is unproved"
            )
            yield ZoneCheck(
                "permission", None, "records can be read; whether they can be written shows later"
            )
            return
        yield self._name_check(zone)
        if "permissions" in zone and EDIT not in zone["permissions"]:
            yield ZoneCheck("permission", False, f"the token lacks {EDIT}; give it Zone / DNS / Edit")
        else:
            yield ZoneCheck("permission", True, f"{self.zone} can be written")

    def _name_check(self, zone: dict[str, Any]) -> ZoneCheck:
        name, status = str(zone.get("name", "")), str(zone.get("status", ""))
        if normalise(name) != self.zone:
            said = f"the zone ID belongs to {name}, not to {self.zone}; correct one of them"
            return ZoneCheck("zone", False, said)
        more = (
            "" if status in ("active", "") else f"; it is {status}, so the world does not ask Cloudflare yet"
        )
        return ZoneCheck("zone", True, f"{name} is there{more}")

    def read(self, names: Collection[tuple[str, str]]) -> list[LiveRecord]:
        """The live records of these names and types, and any CNAME at the names."""
        owners = sorted({name for name, _ in names})
        if len(owners) > SINGLE_READS:
            return only_requested(list(self._list({})), names)
        return only_requested([live for owner in owners for live in self._list({"name": owner})], names)

    def _list(self, query: dict[str, str]) -> Iterator[LiveRecord]:
        page = pages = 1
        while page <= pages:
            answer = self._get(self._records, params={**query, "page": page, "per_page": PAGE})
            for item in answer["result"] or []:
                yield _live(item)
            pages = int((answer.get("result_info") or {}).get("total_pages", 1))
            page += 1

    # --- writing ---

    def apply(self, changes: Sequence[RecordChange]) -> list[ChangeResult]:
        """Writes all changes in atomic batches; a bad record is named and the others still written."""
        results: dict[int, ChangeResult] = {}
        try:
            self._round(changes, results, last=False)
            if len(results) < len(changes):
                self._round(changes, results, last=True)
        except ProviderError as error:
            for at, change in enumerate(changes):
                results.setdefault(at, failed(change, error))
        return [results[at] for at in range(len(changes))]

    def _round(self, changes: Sequence[RecordChange], results: dict[int, ChangeResult], last: bool) -> None:
        """Looks at what is there and sends what is left to do."""
        todo = [(at, change) for at, change in enumerate(changes) if at not in results]
        live = self.read([change.record.key for _, change in todo])
        found = (self._operation(at, change, live, results) for at, change in todo)
        operations = [operation for operation in found if operation is not None]
        self._send_all(operations, changes, results, last)

    def _operation(
        self, at: int, change: RecordChange, live: list[LiveRecord], results: dict[int, ChangeResult]
    ) -> _Operation | None:
        """The operation that carries a change out against what is there now, or None with its result
        noted.
        """
        record = change.record
        if not within(record.name, self.zone):
            said = f"{record.name} is outside of the zone {self.zone}."
            results[at] = refused(change, DnsErrorKind.PERMANENT, said)
            return None
        old = standing(change.old, live)
        there = next((found for found in live if found.record.identity == record.identity), None)
        if change.kind is ChangeKind.DELETE:
            if old is not None:
                return _Operation(at, "deletes", {"id": old.id})
            results[at] = done(change, sentence="it was gone already")
        elif change.kind is ChangeKind.CREATE or old is None:
            if there is not None:
                results[at] = done(change, there.id, "it was there already")
            elif change.kind is ChangeKind.CREATE:
                return _Operation(at, "posts", _body(record))
            else:
                said = f"{record.name} {record.type} was changed by somebody else in between."
                results[at] = refused(change, DnsErrorKind.CONFLICT, said)
        else:
            return _Operation(at, "patches", {"id": old.id, **_body(record)})
        return None

    def _send_all(
        self,
        operations: list[_Operation],
        changes: Sequence[RecordChange],
        results: dict[int, ChangeResult],
        last: bool,
    ) -> None:
        def send(group: Sequence[_Operation]) -> None:
            try:
                ids = self._batch(group)
            except ProviderError as error:
                # Somebody, or a lost answer of ours, was faster: look again instead of halving the batch.
                if not last and error.code in ALREADY_THERE | ALREADY_GONE:
                    return
                raise
            for operation in group:
                results[operation.at] = done(changes[operation.at], ids.get(operation.at, ""))

        def fail(bad: _Operation, error: ProviderError) -> None:
            change = changes[bad.at]
            if change.kind is ChangeKind.CREATE and error.code in ALREADY_THERE:
                results[bad.at] = self._found_there(change, error)
            elif change.kind is ChangeKind.DELETE and error.code in ALREADY_GONE:
                results[bad.at] = done(change, sentence="it was gone already")
            else:
                results.setdefault(bad.at, failed(change, error))

        for group in chunks(operations, MOST_OPERATIONS, LARGEST_BODY, lambda item: len(str(item.body)) + 4):
            send_bisected(group, send, fail)

    def _found_there(self, change: RecordChange, error: ProviderError) -> ChangeResult:
        """A create that met an equal record holds; the record is looked up for its id."""
        for live in self.read([change.record.key]):
            if live.record.identity == change.record.identity:
                return done(change, live.id, "it was there already")
        return failed(change, replace_kind(error, DnsErrorKind.CONFLICT))

    def _batch(self, group: Sequence[_Operation]) -> dict[int, str]:
        """Sends one atomic batch and answers the record ids; sent again, its creates and deletes meet
        themselves.
        """
        body: dict[str, list[dict[str, Any]]] = {}
        for operation in group:
            body.setdefault(operation.list_name, []).append(operation.body)
        answer = self._call("POST", f"{self._records}/batch", json=body)
        result = answer.get("result") or {}
        ids: dict[int, str] = {}
        for name in body:
            mine = [operation for operation in group if operation.list_name == name]
            for operation, item in zip(mine, result.get(name) or [], strict=False):
                ids[operation.at] = str(item.get("id", ""))
        return ids

    # --- answers ---

    def _get(self, path: str, *, attempts: int = 8, **content: Any) -> dict[str, Any]:
        return self._call("GET", path, attempts=attempts, **content)

    def _call(self, method: str, path: str, **content: Any) -> dict[str, Any]:
        """One call within the budget; the answer's object, or the refusal behind it."""
        for pause in (*DENIED_PAUSES, None):
            reply = self._api.ask(method, path, gate=self._bucket.take, heed=self._heed, **content)
            answer = reply.json()
            if reply.status < 300 and isinstance(answer, dict) and answer.get("success") is True:
                return answer
            error = refusal(reply, answer, self.zone, self._zone_id)
            if error.code != DENIED or pause is None:
                raise error
            time.sleep(pause)
        raise AssertionError("the last round returns or raises")

    def _heed(self, reply: Reply) -> None:
        self._bucket.observe(reply.headers)
        if reply.status == 429:
            self._bucket.close(60.0 if reply.retry_after is None else reply.retry_after)


def replace_kind(error: ProviderError, kind: DnsErrorKind) -> ProviderError:
    """The same error under another kind."""
    return ProviderError(kind, error.sentence, said=error.said, status=error.status, code=error.code)


def _live(item: dict[str, Any]) -> LiveRecord:
    name = str(item["name"])
    try:
        name = normalise(name)
    except Refused:
        name = name.lower()
    record = Record(name, str(item["type"]), str(item.get("content", "")), int(item.get("ttl", 1)))
    return LiveRecord(record, str(item["id"]), proxied=bool(item.get("proxied")))


def _body(record: Record) -> dict[str, Any]:
    return {
        "name": record.name,
        "type": record.type,
        "content": record.content,
        "ttl": record.ttl,
        "proxied": False,
    }
