"""Takes one guard at a time out of the engines of worlds, to show that the auditor notices.

`make guards` runs worlds until each guard that is missing was noticed, and prints a table. The program knows nothing of
this: the guard is taken out by changing a process that a world has just forked.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

MOST_SEEDS = 50
JOBS = 3


def fence() -> None:
    """Writes of a worker that lost its lease go through."""
    from engine.work import claims

    def write(claim: claims.MailClaim, lease: str, changes: dict[str, Any]) -> None:
        columns, values = claims._columns(changes)
        claims.execute(
            f"UPDATE vm SET {lease}, revision = revision + 1{columns} WHERE id = ?", *values, claim.vm_id
        )

    _replace(claims, "_write", write)
    _replace(claims, "check", lambda claim: None)


def journal() -> None:
    """Calls are sent without being written down."""
    from engine.work.journal import Journal, in_transaction

    def intent(self: Any, call: Any) -> int:
        in_transaction(lambda: None)  # the lease is still checked
        self.sent += 1
        self.last_call = 0
        return 0

    _replace(Journal, "intent", intent)


def ownership() -> None:
    """Every guest under the VMID counts as ours."""
    from engine.proxmox.guest import Guest

    _replace(Guest, "_proven", lambda self, config: config)


def wake_up() -> None:
    """A request that is added does not make its VM due."""
    from engine.work import requests

    original = requests.add

    def add(vm: Any, *given: Any, **more: Any) -> int:
        number = original(vm, *given, **more)
        if vm.due_at is None:
            requests.execute("UPDATE vm SET due_at = NULL WHERE id = ?", vm.id)
        return number

    _replace(requests, "add", add)


def request_lock() -> None:
    """Operators decide on a VM's row without locking it."""
    from engine.store.models import Request, Vm
    from engine.work import requests

    def add(vm: Any, pipeline: str, *, action: str = "", args: Any = None, login: str = "", source: str = "",
            running: bool = False) -> int:  # fmt: skip
        if vm.due_at is None:  # decided on the row that was read
            requests.execute("UPDATE vm SET due_at = now_ms() WHERE id = ?", vm.id)
        return int(Request.insert(
            vm=vm.id, service=vm.service_id, pipeline=pipeline, action=action or pipeline, args=args or {}, login=login,
            source=source, state="running" if running else "queued",
        ).execute())  # fmt: skip

    _replace(requests, "lock", lambda vm_id: Vm.get_by_id(vm_id))
    _replace(requests, "add", add)


def request_claim() -> None:
    """A request that is begun stays in the queue."""
    from engine.store.models import Request
    from engine.work import requests

    _replace(
        requests,
        "begin_next",
        lambda vm_id: (
            Request.select()
            .where(Request.vm == vm_id, Request.state == "queued")
            .order_by(Request.id)
            .first()
        ),
    )


def renewal() -> None:
    """The heartbeat renews no lease."""
    from engine.work import claims

    _replace(claims, "renew", lambda owner, walked: None)


def event_order() -> None:
    """Writers of events do not wait for each other (PostgreSQL)."""
    from engine.work import events

    ordered = events._INSERT._postgres
    free = ordered.replace("pg_advisory_xact_lock", "ABS")
    assert free != ordered
    _replace(events._INSERT, "_postgres", free)


def address_lock() -> None:
    """Writers of a server's addresses do not wait for each other (PostgreSQL)."""
    from engine.store.locks import Lock

    _without_lock(Lock.ADDRESSES, "engine.ipam.locks")


def mail_claim() -> None:
    """A mail is sent again when it is not known whether the server took it."""
    from engine.mail import claims

    def hand_over(claimed: Any) -> None:
        return None

    _replace(claims, "hand_over", hand_over)


def _without_lock(lock: Any, module: str) -> None:
    home = sys.modules[module]
    original = home.exclusive
    _replace(home, "exclusive", lambda which, server=None: None if which == lock else original(which, server))


def _replace(home: Any, name: str, value: Any) -> None:
    getattr(home, name)  # a guard that was renamed is noticed here
    setattr(home, name, value)


_PROMISE = ("always", "promise", "request", "run", "rest")
# how it is taken out, on which database, and which words of the auditor's count as noticing it
GUARDS: dict[str, tuple[Callable[[], None], str, tuple[str, ...]]] = {
    "fence": (fence, "both", (*_PROMISE, "vm", "check")),
    "journal": (journal, "both", ("journal", "vm", "run", "rest", "address")),
    "ownership": (ownership, "both", ("stranger",)),
    "request-due": (wake_up, "both", _PROMISE),
    "request-lock": (request_lock, "postgresql", _PROMISE),
    "request-claim": (request_claim, "both", _PROMISE),
    "lease-renewal": (renewal, "both", ("lease",)),
    "event-order": (event_order, "postgresql", ("event",)),
    "address-lock": (address_lock, "postgresql", ("address", "check")),
    "mail-hand-over": (mail_claim, "both", ("mail",)),
}


def remove(name: str) -> None:
    """Take a guard out of this process; an empty name leaves all in place."""
    if name:
        GUARDS[name][0]()


def main() -> int:
    """For each guard: run worlds without it until one fails, and say what the auditor said."""
    from tests.world.script import generate
    from tests.world.worlds import prepared

    names = sys.argv[1:] or list(GUARDS)
    unnoticed = 0
    print("| guard | without it | seeds until it was noticed | report of the auditor |\n|---|---|---|---|")
    with prepared({"sqlite", "postgresql"}) as worlds:
        for name in names:
            function, db, words = GUARDS[name]
            kinds = ("sqlite", "postgresql") if db == "both" else (db,)
            scripts = [
                generate(seed, 5.0, kinds[seed % len(kinds)], without=name)
                for seed in range(1, MOST_SEEDS + 1)
            ]
            noticed = next((one for one in worlds.run(scripts, JOBS) if _about(one.findings, words)), None)
            seeds, said = (">50", "nothing")
            if noticed is not None:
                seeds, said = str(noticed.script.seed), _shown(_about(noticed.findings, words))
            unnoticed += noticed is None
            print(f"| {name} | {(function.__doc__ or '').strip('.')} | {seeds} | {said} |", flush=True)
    return 1 if unnoticed else 0


def _about(findings: list[tuple[str, str]], words: tuple[str, ...]) -> list[tuple[str, str]]:
    return [finding for finding in findings if finding[0] in words]


def _shown(findings: list[tuple[str, str]]) -> str:
    about, sentence = findings[0]
    more = f" (and {len(findings) - 1} more)" if len(findings) > 1 else ""
    return f"{about}: {sentence}"[:160].replace("|", "/") + more


if __name__ == "__main__":
    sys.exit(main())
