"""The lock files of the cluster: waited for in virtual time, refused in Proxmox's words when it runs out."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from fakepve.model import TaskError

from kvmtui.lab.clock import Clock


@dataclass(slots=True)
class _Flock:
    shared: int = 0
    exclusive: bool = False
    queue: deque[tuple[asyncio.Future[None], bool]] = field(default_factory=deque)

    def take(self, shared: bool) -> bool:
        if self.exclusive or (self.shared and not shared):
            return False
        if shared:
            self.shared += 1
        else:
            self.exclusive = True
        return True

    def give_back(self, shared: bool) -> None:
        if shared:
            self.shared -= 1
        else:
            self.exclusive = False
        while self.queue:
            waiter, wants_shared = self.queue[0]
            if waiter.done():
                self.queue.popleft()
            elif self.take(wants_shared):
                self.queue.popleft()
                waiter.set_result(None)
            else:
                break

    @property
    def idle(self) -> bool:
        return not (self.shared or self.exclusive or self.queue)


class Flocks:
    """All lock files, made when somebody asks for one."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._locks: dict[str, _Flock] = {}

    @asynccontextmanager
    async def hold(
        self, name: str, wait: float, refusal: str, *, shared: bool = False
    ) -> AsyncIterator[None]:
        """Hold a lock; TaskError with the refusal when it is not to be had within so many virtual seconds."""
        await self._take(name, wait, refusal, shared)
        try:
            yield
        finally:
            lock = self._locks[name]
            lock.give_back(shared)
            if lock.idle:
                del self._locks[name]

    async def _take(self, name: str, wait: float, refusal: str, shared: bool) -> None:
        lock = self._locks.setdefault(name, _Flock())
        if not lock.queue and lock.take(shared):
            return
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        lock.queue.append((waiter, shared))
        try:
            in_time = await self._clock.wait_for(waiter, wait)
        except asyncio.CancelledError:
            if waiter.done():
                lock.give_back(shared)
            waiter.cancel()
            raise
        if not in_time:
            waiter.cancel()
            raise TaskError(refusal)

    def config(self, vmid: int) -> tuple[str, str]:
        """Name and refusal of the lock on a guest's config file."""
        path = f"/var/lock/qemu-server/lock-{vmid}.conf"
        return path, f"can't lock file '{path}' - got timeout"

    def storage(self, place: str, storage: str) -> tuple[str, str]:
        """Name and refusal of the lock every allocation on a storage takes."""
        if not place:
            return f"storage-{storage}", f"cfs-lock 'storage-{storage}' error: got lock request timeout"
        path = f"/var/lock/pve-manager/pve-storage-{storage}"
        return f"{place}:{path}", f"can't lock file '{path}' - got timeout"
