"""Imports pools and their addresses: all of a file or nothing.

A dry run does everything and rolls it back, so that it finds what the real one would. What exists already is left
unchanged: a second import of the same file changes nothing, and an operator's edits since then stay.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from engine import audit
from engine.actions.permission import Needs, require
from engine.errors import Refused
from engine.imports.columns import Shaped
from engine.imports.files import looks_like_sql, opened
from engine.imports.puq.holdings import Assigned, bring
from engine.imports.puq.rows import PoolRows
from engine.imports.puq.shapes import ModuleData, is_wanted, understand
from engine.imports.sheets import read_sheet
from engine.imports.sql import read_sql
from engine.imports.tables import DumpRow
from engine.ipam import pools
from engine.ipam.spans import parse_address, shortened
from engine.ipam.spec import PoolSpec, spec_of
from engine.roles import Role
from engine.store.database import in_transaction, transaction
from engine.store.models import Pool, Server

_FAULTS_SHOWN = 200
IMPORT = Needs(Role.OWNER, "import pools", whole_site=True)


@dataclass(slots=True)
class ImportReport:
    """What an import did, or would do: how the columns were read, a line per pool and address, the count."""

    mapping: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    changed: int = 0


class _TakenBack(Exception):
    """Ends the transaction of a dry run."""


def read(path: Path) -> ModuleData:
    """What the file holds of the module; refused, with the line, when it cannot be understood."""
    if not looks_like_sql(path):
        return understand([read_sheet(path)])
    with opened(path) as stream:
        return understand(read_sql(stream, is_wanted))


def import_file(
    path: Path, servers: Mapping[str, str], dry_run: bool, source: str | audit.Actor = "cli"
) -> ImportReport:
    """Import a file. `servers` says which of our servers is meant by a name or number of the file.

    Every fault is listed with its line and nothing is changed when there is one.
    """
    actor = audit.current_actor(source)
    require(actor, IMPORT)
    found = read(path)

    def work() -> ImportReport:
        report = ImportReport(
            [str(each) for each in (*found.pools, *found.held, *found.links)], notes=list(found.notes)
        )
        try:
            with transaction():
                _Import(path, found, servers, report).run()
                if dry_run:
                    raise _TakenBack
                _record(path, report, actor)
        except _TakenBack:
            pass
        return report

    return in_transaction(work)


def _record(path: Path, report: ImportReport, actor: audit.Actor) -> None:
    if report.changed:
        audit.record(
            actor=actor,
            action="import",
            kind="pool",
            object_id="",
            object_name=path.name,
            before={},
            after={"changed": [line for line in report.lines if line.startswith("+")][:_FAULTS_SHOWN]},
        )


class _Import:
    """One pass over what was found, inside a transaction."""

    def __init__(
        self, path: Path, found: ModuleData, servers: Mapping[str, str], report: ImportReport
    ) -> None:
        self._path = path
        self._found = found
        self._rows = PoolRows(found, servers)
        self._report = report
        self._faults: list[str] = []
        self._pools: dict[str, Pool | None] = {}  # number in the file -> ours; None: it has a fault

    def run(self) -> None:
        """Bring everything in, or refuse with every fault."""
        for shaped in self._found.pools:
            for line in shaped.table.lines:
                self._pool(shaped, line)
        for shaped in self._found.held:
            for line in shaped.table.lines:
                self._address(shaped, line)
        if self._faults:
            raise Refused("\n".join([*self._shown(), "Nothing was imported."]))

    def _shown(self) -> Iterator[str]:
        yield from self._faults[:_FAULTS_SHOWN]
        if len(self._faults) > _FAULTS_SHOWN:
            yield f"… and {len(self._faults) - _FAULTS_SHOWN} more."

    def _pool(self, shaped: Shaped, line: DumpRow) -> None:
        number = shaped.value(line, "id")
        try:
            with transaction():
                pool = self._pools[number] = self._brought(self._rows.spec(shaped, line))
        except Refused as fault:
            self._pools[number] = None
            self._fault(line, fault)
            return
        if not number:  # without numbers, addresses find their pool by themselves
            self._pools[f"#{pool.id}"] = self._pools.pop(number)

    def _brought(self, spec: PoolSpec) -> Pool:
        name = f"pool {spec.server} {spec.start}–{spec.stop} {spec.bridge} VLAN {spec.vlan}"
        there = Pool.select().join(Server).where(Server.name == spec.server, Pool.start == spec.start).first()
        if there is None:
            self._say("+", name)
            return pools.create_pool(spec)
        old = spec_of(there)
        differing = [each for each in _COMPARED if getattr(old, each) != getattr(spec, each)]
        self._say("=", name + (f" (kept as it is here: {', '.join(differing)} differ)" if differing else ""))
        return there

    def _address(self, shaped: Shaped, line: DumpRow) -> None:
        row = Assigned.of(shaped, line)
        if row is None:
            return
        try:
            pool = self._pool_of(row)
            if pool is not None:
                with transaction():
                    self._say(*bring(pool, row))
        except Refused as fault:
            self._fault(line, fault)

    def _pool_of(self, row: Assigned) -> Pool | None:
        """The pool a row names, or the one whose range has its address; None when that pool has a fault."""
        if row.pool in self._pools:
            return self._pools[row.pool]
        if row.pool:
            raise Refused(f"pool {shortened(row.pool)} of {row.address} is not in the file.")
        place = parse_address(row.address)
        having = [p for p in self._pools.values() if p is not None and p.start.version == place.version]
        having = [p for p in having if int(p.start) <= int(place) <= int(p.stop)]
        if len(having) != 1:
            raise Refused(f"{row.address} is in {len(having) or 'no'} pools of the file; name its pool.")
        return having[0]

    def _say(self, sign: str, text: str) -> None:
        self._report.lines.append(f"{sign} {text}")
        self._report.changed += sign == "+"

    def _fault(self, line: DumpRow, fault: Refused) -> None:
        self._faults.append(f"{self._path}:{line.number}: {fault.sentence}")


_COMPARED = ("type", "bridge", "vlan", "gateway", "mask", "stop", "dns1", "dns2")
