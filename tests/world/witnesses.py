"""What the auditor asks: the database itself notes what happens to requests and leases, a reader follows the events."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from engine.errors import KvmtuiError
from engine.store.database import execute, in_transaction, is_postgres
from engine.store.models import Event
from engine.work.events import Follower

if TYPE_CHECKING:
    from tests.world.world import World

_TABLES = (
    "CREATE TABLE world_log (n INTEGER PRIMARY KEY {auto}, request INTEGER, was TEXT, now TEXT)",
    "CREATE TABLE world_lease (n INTEGER PRIMARY KEY {auto}, vm INTEGER, was TEXT, now TEXT, at BIGINT)",
)
_REQUEST = "INSERT INTO world_log (request, was, now) VALUES "
_LEASE = "INSERT INTO world_lease (vm, was, now, at) VALUES (NEW.id, OLD.lease_owner, NEW.lease_owner, {now})"
_TAKEN = "OLD.lease_owner <> '' AND NEW.lease_owner <> '' AND NEW.fence <> OLD.fence"
_SQLITE = (
    f"CREATE TRIGGER world_a AFTER INSERT ON request BEGIN {_REQUEST} (NEW.id, '', NEW.state); END",
    f"CREATE TRIGGER world_b AFTER DELETE ON request BEGIN {_REQUEST} (OLD.id, OLD.state, ''); END",
    "CREATE TRIGGER world_c AFTER UPDATE ON request WHEN OLD.state <> NEW.state OR OLD.ended_at IS NOT NEW.ended_at "
    f"BEGIN {_REQUEST} (NEW.id, OLD.state, NEW.state); END",
    f"CREATE TRIGGER world_d AFTER UPDATE ON vm WHEN {_TAKEN} BEGIN "
    + _LEASE.format(now="CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)")
    + "; END",
)
_POSTGRES = (
    "CREATE FUNCTION world_note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
    f"IF TG_OP = 'INSERT' THEN {_REQUEST} (NEW.id, '', NEW.state); "
    f"ELSIF TG_OP = 'DELETE' THEN {_REQUEST} (OLD.id, OLD.state, ''); "
    "ELSIF OLD.state <> NEW.state OR OLD.ended_at IS DISTINCT FROM NEW.ended_at "
    f"THEN {_REQUEST} (NEW.id, OLD.state, NEW.state); END IF; RETURN NULL; END $$",
    "CREATE TRIGGER world_note AFTER INSERT OR UPDATE OR DELETE ON request FOR EACH ROW EXECUTE FUNCTION world_note()",
    "CREATE FUNCTION world_lease() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
    f"IF {_TAKEN} THEN "
    + _LEASE.format(now="CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)")
    + "; END IF; RETURN NULL; END $$",
    "CREATE TRIGGER world_lease AFTER UPDATE ON vm FOR EACH ROW EXECUTE FUNCTION world_lease()",
)


def install() -> None:
    """Let the database note every change of a request's state, and every lease that changed hands."""
    auto = "GENERATED ALWAYS AS IDENTITY" if is_postgres() else "AUTOINCREMENT"
    tables = [table.format(auto=auto) for table in _TABLES]
    for statement in (*tables, *(_POSTGRES if is_postgres() else _SQLITE)):
        in_transaction(lambda sql=statement: execute(sql))  # type: ignore[misc]


class Reader:
    """Follows the events as a console does; in the end it must have seen each once."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._stop = threading.Event()
        self._follower = Follower(0)
        self._seen: list[int] = []
        self._thread = threading.Thread(target=self._follow, name="reader", daemon=True)

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def stop(self) -> None:
        """Read to the end."""
        self._stop.set()
        self._thread.join(30)

    def _follow(self) -> None:
        while not self._stop.is_set():
            try:
                self._seen += [event.id for event in self._follower.wait(0.2)]
            except KvmtuiError:
                self._stop.wait(0.2)
        self._seen += [event.id for event in self._follower.read()]

    def judge(self) -> None:
        """Nothing left out, nothing twice."""
        written = {row.id for row in Event.select(Event.id).where(Event.id <= self._follower.position)}
        if lost := sorted(written - set(self._seen)):
            self._world.finding(
                "event", f"{len(lost)} events were never read by a follower, the first is {lost[0]}"
            )
        if len(self._seen) != len(set(self._seen)):
            self._world.finding("event", "a follower read events twice")
