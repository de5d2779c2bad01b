"""The state of the simulated cluster: nodes, storages, guests, volumes, tasks, locks, and who may do what."""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from fakepve import FakePve
from fakepve.model import PveError, TaskError
from fakepve.routing import die
from fakepve.storage import INTERNAL, parse_name_dir

from kvmtui.lab import quorum
from kvmtui.lab.access import Access
from kvmtui.lab.clock import Clock
from kvmtui.lab.consoles import Consoles
from kvmtui.lab.dialect import Dialect
from kvmtui.lab.effects import LabEffect
from kvmtui.lab.faults import InjectedFaults
from kvmtui.lab.guests import LabGuest
from kvmtui.lab.lock_files import Flocks
from kvmtui.lab.tasks import Tasks
from kvmtui.lab.volumes import FILE_STORAGES, GIB, LabVolume, VolumeStore

Handler = Callable[["LabCluster", dict[str, Any], str], Awaitable[Any]]
ROUTES: dict[tuple[str, str], Handler] = {}
BROADCAST_SECONDS = 10
# What the lab itself keeps with a storage: its size, and whether lists give sizes as approximate ones.
OWN_KEYS = ("bytes", "approximate")
COPY_BYTES_PER_SECOND = 400 * 1024**2


@dataclass(frozen=True, slots=True)
class ListPage:
    """A part of a list, with how many entries match altogether."""

    items: Any
    total: int


def serves(method: str, template: str) -> Callable[[Handler], Handler]:
    """Make a function the answer to one method and path of the API."""

    def register(handler: Handler) -> Handler:
        ROUTES[method, template] = handler
        return handler

    return register


class LabCluster(FakePve):
    """One cluster: fakepve brings the schema, the firewall, pools and storage configuration."""

    def __init__(self, clock: Clock, dialect: Dialect, seed: int) -> None:
        super().__init__(host="127.0.0.1", port=0)
        self.clock = clock
        self.dialect = dialect
        self.seed = seed
        self.random = random.Random(seed)
        self.roster: dict[int, LabGuest] = {}
        self.shelf = VolumeStore()
        self.flocks = Flocks(clock)
        self.workers = Tasks(self)
        self.faults = InjectedFaults()
        self.access = Access(dialect)
        self.acl: dict[str, Any] = {}  # fakepve checks rights only where this is set; `allowed` decides
        self.consoles = Consoles()
        self.effects: list[LabEffect] = []
        self._background: set[asyncio.Task[None]] = set()
        self.nodes: dict[str, dict[str, Any]] = {}
        self.storages: dict[str, dict[str, Any]] = {}
        # How long an allocation holds the storage's lock, and how long one waits for it (virtual seconds).
        self.alloc_seconds = 0.5
        self.alloc_wait = 10.0
        self.version = dialect.version
        self.release_version = dialect.release
        self.cluster_name = "lab"
        # Counts every change, so that answers can be kept until something changes.
        self.revision = 0
        self.answers: dict[tuple[Any, ...], bytes] = {}
        self.clock_skew = 0.0
        # The users reduced to the documented role.
        self.documented: set[str] = set()
        # Whether connections end after every call that pveproxy passes on to pvedaemon, as they do in reality.
        self.closes_connections = False
        self.own_routes = _inherited(self) | ROUTES

    # ---- what fakepve's handlers look up

    @property
    def vms(self) -> list[LabGuest]:
        return list(self.roster.values())

    @vms.setter
    def vms(self, value: object) -> None:
        """fakepve starts with an empty list; the roster takes its place."""

    def vm(self, vmid: int) -> LabGuest | None:
        """The guest of that id."""
        return self.roster.get(int(vmid))

    def guest(self, vmid: int) -> LabGuest | None:
        """The guest of that id."""
        return self.roster.get(int(vmid))

    def find(self, node: str, vmid: int) -> LabGuest:
        """The guest on that node, or Proxmox's answer when its config file is not there."""
        guest = self.roster.get(int(vmid))
        if guest is None or guest.node != node:
            raise die(f"Configuration file 'nodes/{node}/qemu-server/{vmid}.conf' does not exist")
        return guest

    def allowed(self, user: str, path: str, priv: str) -> bool:
        """Whether a user or token holds a privilege on a path, or on the pool the guest is in."""
        if self.access.allowed(user, path, priv):
            return True
        guest = self.roster.get(int(path[5:])) if path.startswith("/vms/") and path[5:].isdigit() else None
        return (
            guest is not None and bool(guest.pool) and self.access.allowed(user, f"/pool/{guest.pool}", priv)
        )

    async def pause(self, secs: float) -> None:
        """Sleep in virtual time."""
        await self.clock.sleep(secs)

    async def task(self, node: str, ttype: str, tid: object, user: str, body: Any, **_: Any) -> str:
        """fakepve's own tasks run as ours."""
        return await self.workers.start(node, ttype, tid, user, body)

    # ---- shared by the handlers

    def background(self, work: Coroutine[Any, Any, None]) -> None:
        """Run something in the background of the requests."""
        started = asyncio.get_running_loop().create_task(work)
        self._background.add(started)
        started.add_done_callback(self._background.discard)

    def effect(self, action: str, node: str, vmid: int | None = None, detail: str = "") -> None:
        """Record that something took effect."""
        self.revision += 1
        self.effects.append(LabEffect(self.clock.now(), action, node, vmid, detail))

    def took(self, kind: str, low: float, high: float, key: object = "") -> float:
        """A duration between two bounds, the same for the same seed, kind and key."""
        return random.Random(f"{self.seed}:{kind}:{key}").uniform(low, high)

    def address(self, node: str) -> str:
        """The address of a node."""
        return f"192.0.2.{11 + list(self.nodes).index(node)}"

    def place(self, storage: str, node: str) -> str:
        """Where a storage's volumes lie as seen from a node: the node itself, or empty if shared."""
        return "" if self.storages.get(storage, {}).get("shared") else node

    def volume(self, node: str, volid: str) -> LabVolume | None:
        """The volume behind a volume id as seen from a node."""
        storage, _, name = volid.partition(":")
        return self.shelf.find(self.place(storage, node), storage, name)

    def check_unlocked(self, guest: LabGuest) -> None:
        """Proxmox's refusal when the config is locked, as an API error."""
        if guest.lock:
            raise die(f"VM is locked ({guest.lock})")

    def check_unlocked_in_task(self, guest: LabGuest) -> None:
        """Proxmox's refusal when the config is locked, as the end of a task."""
        if guest.lock:
            raise TaskError(f"VM is locked ({guest.lock})")

    async def hold_config_lock(self, vmid: int, seconds: float) -> None:
        """Hold the lock file of a guest's config for so many virtual seconds."""
        path, refusal = self.flocks.config(vmid)
        async with self.flocks.hold(path, 10, refusal):
            await self.clock.sleep(seconds)

    def note(self, guest: LabGuest) -> None:
        """Remember a change of name or state for later broadcasts."""
        guest.note(self.clock.now())
        self.revision += 1

    def last_broadcast(self) -> float:
        """The moment of the newest status broadcast; everything seen through it is up to ten seconds old."""
        now = self.clock.now()
        return now if self.clock.instant else now - now % BROADCAST_SECONDS

    def _parse_volname(self, store: dict[str, Any], volname: str) -> tuple[str, int | None, str]:
        """Type, owner and format of a volume name; linked clones on file storage name their base first."""
        linked = re.fullmatch(r"\d+/\S+/(\d+)/(\S+)", volname)
        if linked and store["type"] in FILE_STORAGES:
            return "images", int(linked[1]), parse_name_dir(linked[2])[1]
        found: tuple[str, int | None, str] = super()._parse_volname(store, volname)
        return found

    def _options_of(self, store: dict[str, Any]) -> dict[str, Any]:
        """The options of a storage as its configuration has them, without the lab's own size."""
        return {key: value for key, value in store.items() if key not in (*INTERNAL, *OWN_KEYS)}

    def free_space(self, storage: str, node: str) -> tuple[int, int]:
        """Total and used bytes of a storage as seen from a node."""
        total = int(self.storages[storage].get("bytes", 500 * GIB))
        used = sum(v.used for v in self.shelf.on(self.place(storage, node), storage))
        return total, min(used, total)

    def store_for(self, storage: str, node: str, content: str) -> dict[str, Any]:
        """A storage that exists, is enabled on the node and takes such content, or Proxmox's refusal."""
        store: dict[str, Any] = self._check_enabled(storage, node)
        if content not in str(store.get("content", "")).split(","):
            raise PveError(
                400,
                "Parameter verification failed.",
                {"storage": f"storage '{storage}' does not support vm {content}"},
            )
        return store


def _inherited(world: LabCluster) -> dict[tuple[str, str], Handler]:
    """fakepve's handlers that need no change, under the same table."""
    table: dict[tuple[str, str], Handler] = {}
    for name in ("_routes_storage", "_routes_firewall", "_routes_pools"):
        for method, template, handler in getattr(world, name)():
            table[method, template] = _plain(method, template, handler)
    return table


def _plain(method: str, template: str, inner: Callable[[dict[str, Any], str], Awaitable[Any]]) -> Handler:
    """fakepve's handler as one of ours; a change needs the quorum and is recorded."""

    async def read(_: LabCluster, values: dict[str, Any], user: str) -> Any:
        return await inner(values, user)

    async def change(world: LabCluster, values: dict[str, Any], user: str) -> Any:
        vmid, node = values.get("vmid"), str(values.get("node", ""))
        if not world.quorate:
            quorum.check_locked_write(world, template, node, str(vmid or ""))
        answer = await inner(values, user)
        area = "firewall" if "/firewall" in template else template.split("/")[1]
        world.effect(area, node, int(vmid) if vmid else None, f"{method} {template.rpartition('}/')[2]}")
        return answer

    return read if method == "GET" else change
