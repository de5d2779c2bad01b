"""The lab as tests and the console hold it: a cluster over HTTPS in a thread of its own."""

from __future__ import annotations

import asyncio
import hashlib
import random
import ssl
import tempfile
import threading
import uuid
from collections.abc import Callable, Coroutine, Iterable
from types import TracebackType
from typing import Any, Self, TypeVar

from aiohttp import web
from fakepve.certs import make_cert

from engine.errors import Failed
from kvmtui.lab import foreign, ha, inject, past, routes, seeds, views
from kvmtui.lab.clock import Clock
from kvmtui.lab.control import Control
from kvmtui.lab.dialect import Dialect
from kvmtui.lab.effects import ConsoleView, LabEffect, LabGuestState, RequestLog, TaskView, VolumeView
from kvmtui.lab.faults import InjectedFault, InjectedFaults
from kvmtui.lab.http import LabApiServer
from kvmtui.lab.world import LabCluster

T = TypeVar("T")
# pveproxy closes a connection nobody uses after this many real seconds.
IDLE_SECONDS = 5.0
START_SECONDS = 30.0


class Lab:
    """A simulated cluster: `with Lab() as lab:` serves it at lab.url until the block ends."""

    host = "127.0.0.1"
    user = "root@pam"
    token_id = seeds.TOKEN_ID

    def __init__(
        self,
        nodes: int = 3,
        speed: float = 1.0,
        seed: int = 1,
        faults: Iterable[InjectedFault] | None = None,
        version: str = "9",
        port: int = 0,
        *,
        paused: bool = False,
        closing: bool = False,
    ) -> None:
        self.port = port
        chance = random.Random(f"lab {seed}")
        self.password = f"{chance.getrandbits(64):016x}"
        self.token_secret = str(uuid.UUID(int=chance.getrandbits(128), version=4))
        self.world = LabCluster(Clock(speed, paused=paused), Dialect.of(version), seed)
        self.world.access.passwords[self.user] = self.password
        self.world.access.tokens[self.token_id] = self.token_secret
        self.world.closes_connections = closing
        seeds.plant(self.world, nodes)
        for fault in faults or ():
            self.world.faults.add(fault)
        self._api = LabApiServer(self.world, Control(self.world, lambda: self._api.requests), routes.UPGRADES)
        self._folder = tempfile.TemporaryDirectory(prefix="kvmtui-lab-")
        self.ca_file, self._key_file, certificate = make_cert(self._folder.name, "lab", (self.host,))
        digest = hashlib.sha256(certificate).hexdigest().upper()
        self.fingerprint = ":".join(digest[n : n + 2] for n in range(0, len(digest), 2))
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None

    # ---- start and stop

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """Where the lab answers."""
        return f"https://{self.host}:{self.port}"

    def start(self) -> None:
        """Serve from a thread of its own; returns once the port is open."""
        started = threading.Event()
        problems: list[BaseException] = []
        self._thread = threading.Thread(target=self._run, args=(started, problems), name="lab", daemon=True)
        self._thread.start()
        if not started.wait(START_SECONDS) or problems:
            self._folder.cleanup()
            reason = problems[0] if problems else "it did not answer in time"
            raise Failed(f"The lab cannot listen on {self.host} port {self.port}: {reason}.")

    def stop(self) -> None:
        """Close the port, end every task and wait for the thread."""
        if self._loop is not None and self._stopping is not None:
            self._loop.call_soon_threadsafe(self._stopping.set)
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        self._folder.cleanup()

    def _run(self, started: threading.Event, problems: list[BaseException]) -> None:
        try:
            asyncio.run(self._serve(started))
        except OSError as problem:
            problems.append(problem)
        finally:
            started.set()

    async def _serve(self, started: threading.Event) -> None:
        self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self.ca_file, self._key_file)
        server = web.Server(self._api, access_log=None, keepalive_timeout=IDLE_SECONDS)
        runner = web.ServerRunner(server, shutdown_timeout=0.2)
        await runner.setup()
        try:
            site = web.TCPSite(runner, self.host, self.port, ssl_context=context, backlog=512)
            await site.start()
            self.port = runner.addresses[0][1]
            started.set()
            await self._stopping.wait()
        finally:
            self._loop = None
            await runner.cleanup()

    # ---- looking

    def guests(self) -> list[LabGuestState]:
        """Every guest as it is now, by id."""
        return self._ask(lambda: views.guests(self.world))

    def guest(self, vmid: int) -> LabGuestState | None:
        """One guest as it is now, or None."""
        return next((guest for guest in self.guests() if guest.vmid == vmid), None)

    def volumes(self) -> list[VolumeView]:
        """Every volume as it is now."""
        return self._ask(lambda: views.volumes(self.world))

    def tasks(self) -> list[TaskView]:
        """Every task the cluster remembers, oldest first."""
        return self._ask(lambda: views.tasks(self.world))

    def consoles(self) -> list[ConsoleView]:
        """Every console that is open now."""
        return self._ask(lambda: views.consoles(self.world))

    @property
    def effects(self) -> list[LabEffect]:
        """What took effect so far, in order."""
        return list(self.world.effects)

    @property
    def requests(self) -> RequestLog:
        """The requests answered so far."""
        return self._api.requests

    @property
    def faults(self) -> InjectedFaults:
        """The faults in force; add to them or clear them at any time."""
        return self.world.faults

    def now(self) -> float:
        """The lab's virtual time in seconds since 1970."""
        return self.world.clock.now()

    # ---- steering

    def advance(self, seconds: float) -> None:
        """Push the virtual time forward; everything due on the way happens before this returns."""
        self._await(self.world.clock.advance(seconds))

    def offline(self, node: str) -> None:
        """Take a node offline."""
        self._ask(lambda: inject.set_online(self.world, node, online=False))

    def online(self, node: str) -> None:
        """Bring a node back."""
        self._ask(lambda: inject.set_online(self.world, node, online=True))

    def quorum(self, quorate: bool) -> None:
        """Lose or regain the cluster's quorum."""
        self.world.quorate = quorate

    def hold_config_lock(self, vmid: int, seconds: float = 30.0) -> None:
        """Hold the lock file of a guest's config for virtual seconds, as `qm cleanup` does."""
        self._ask(lambda: foreign.hold_lock(self.world, vmid, seconds))

    def ha_manage(self, vmid: int, state: str = "started") -> None:
        """Put a guest under high availability with this requested state; an empty state releases it."""
        self._ask(lambda: ha.manage(self.world, vmid, state))

    def ha_stick(self, vmid: int, state: str) -> None:
        """Put a managed guest into a state of the manager (error, fence, freeze); with an empty one it acts again."""
        self._ask(lambda: ha.stick(self.world, vmid, state))

    def ha_move(self, vmid: int, target: str) -> str:
        """The HA manager moves a guest now: root's `qmigrate` task, which locks it for 3 virtual seconds."""
        return self._await(ha.move(self.world, vmid, target))

    def ha_power(self, vmid: int, status: str) -> str:
        """The HA manager starts ("running") or stops ("stopped") a guest now, in a task of root."""
        return self._await(ha.power(self.world, vmid, status))

    def add_storage(self, name: str, **options: Any) -> None:
        """Define a storage on every node, e.g. `add_storage("disks", type="dir", content="images")`."""
        self._ask(lambda: seeds.add_storage(self.world, name, **options))

    def add_template(self, vmid: int, storage: str, **options: Any) -> None:
        """Add a template with a cloud-init drive; `cdrom=True` gives it an empty CD drive at ide0."""
        self._ask(lambda: seeds.add_template(self.world, vmid, storage, **options))

    def documented_role(self, user: str = seeds.TOKEN_ID) -> None:
        """Reduce the token to exactly the rights of docs/proxmox-role.md."""
        self._ask(lambda: seeds.documented_role(self.world, user))

    def set_roles(self, roles: dict[str, Iterable[str]], user: str = seeds.TOKEN_ID) -> None:
        """Replace every right of the token by these privileges per path; a deeper path overrides a higher one."""
        self._ask(lambda: self.world.access.set_roles(user, roles))

    def revoke(self, privilege: str, path: str = "/", user: str = seeds.TOKEN_ID) -> None:
        """Take a privilege from the token (or another user) on a path and below."""
        self._ask(lambda: self.world.access.revoke(user, privilege, path))

    def grant(self, privilege: str, path: str = "/", user: str = seeds.TOKEN_ID) -> None:
        """Give a privilege to the token (or another user) on a path and below."""
        self._ask(lambda: self.world.access.grant(user, path, privilege))

    def end_sessions(self) -> None:
        """Let every login ticket die."""
        self._ask(self.world.access.end_sessions)

    def cut_consoles(self, vmid: int) -> None:
        """Break the lines of a guest's open consoles without a word."""
        self._ask(lambda: self.world.consoles.cut(vmid))

    def foreign_delete(self, vmid: int) -> None:
        """Somebody else destroys a guest."""
        self._ask(lambda: foreign.delete(self.world, vmid))

    def foreign_rename(self, vmid: int, name: str) -> None:
        """Somebody else renames a guest."""
        self._ask(lambda: foreign.rename(self.world, vmid, name))

    def foreign_migrate(self, vmid: int, target: str) -> None:
        """Somebody else moves a guest to another node."""
        self._ask(lambda: foreign.migrate(self.world, vmid, target))

    def foreign_lock(self, vmid: int, lock: str = "backup") -> None:
        """Somebody else leaves a guest locked, or unlocks it with an empty lock."""
        self._ask(lambda: foreign.lock(self.world, vmid, lock))

    def foreign_create(self, vmid: int, node: str = "", name: str = "foreign") -> None:
        """Somebody else takes an id."""
        self._ask(lambda: foreign.create(self.world, vmid, node, name))

    def foreign_config(self, vmid: int, **changes: Any) -> None:
        """Somebody else writes config keys; None removes one."""
        self._ask(lambda: foreign.config(self.world, vmid, **changes))

    def foreign_volume(self, vmid: int, volid: str, size: int) -> None:
        """Somebody else puts a volume of a guest on its storage."""
        self._ask(lambda: foreign.volume(self.world, vmid, volid, size))

    def foreign_power(self, vmid: int, status: str) -> None:
        """Somebody else starts or stops a guest."""
        self._ask(lambda: foreign.power(self.world, vmid, status))

    def past_runs(self, vmid: int, *spans: tuple[float, float]) -> None:
        """When a guest ran before now, in days; an end of 0 means that it still runs."""
        self._ask(lambda: past.ran(self.world, vmid, spans))

    def past_snapshot(self, vmid: int, name: str, days: float, note: str = "") -> None:
        """A guest has a snapshot from so many days ago."""
        self._ask(lambda: past.snapshot(self.world, vmid, name, days, note))

    def past_backup(self, vmid: int, storage: str, days: float, size: int, notes: str = "") -> None:
        """A guest has a backup from so many days ago."""
        self._ask(lambda: past.backup(self.world, vmid, storage, days, size, notes))

    # ---- crossing into the lab's thread

    def _ask(self, question: Callable[[], T]) -> T:
        async def answer() -> T:
            return question()

        return self._await(answer())

    def _await(self, work: Coroutine[Any, Any, T]) -> T:
        if self._loop is None:
            return asyncio.run(work)
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()
