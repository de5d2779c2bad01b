"""The neighbours of a world: gates before the cluster, DNS and mail that can fall silent, and foreign hands."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
import urllib.error
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.world.world import World

HIGHEST_STRANGER = 5000


class Gate:
    """A port that passes bytes to another; while it is silent it takes connections and bytes and says nothing."""

    def __init__(self, loop: asyncio.AbstractEventLoop, target: int) -> None:
        self.silent = False
        self._target = target
        server = asyncio.run_coroutine_threadsafe(
            asyncio.start_server(self._pass, "127.0.0.1", 0), loop
        ).result(10)
        self.port: int = server.sockets[0].getsockname()[1]

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ends: list[asyncio.StreamWriter] = [writer]
        try:
            while self.silent:
                await asyncio.sleep(0.05)
            inward, outward = await asyncio.open_connection("127.0.0.1", self._target)
            ends.append(outward)
            await asyncio.gather(self._copy(reader, outward), self._copy(inward, writer))
        except OSError:
            pass
        finally:
            for end in ends:
                end.transport.abort()

    async def _copy(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while received := await source.read(65536):
                while self.silent:
                    await asyncio.sleep(0.05)
                sink.write(received)
                await sink.drain()
        sink.transport.abort() if source.exception() else sink.close()


def gates(targets: dict[str, int]) -> dict[str, Gate]:
    """A gate for each neighbour."""
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="gates", daemon=True).start()
    return {name: Gate(loop, port) for name, port in targets.items()}


class Hands:
    """Another administrator at the cluster."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._lock = threading.Lock()
        self.touched: dict[int, set[str]] = {}  # what was done to which guest
        self.deleted: set[int] = set()
        self.taken: set[int] = set()  # VMIDs of guests made by these hands
        self.locked: set[int] = set()

    def power(self, args: dict[str, Any]) -> None:
        """Start or stop a guest of ours or a stranger's."""
        self._do("power", args, status=args["status"])

    def rename(self, args: dict[str, Any]) -> None:
        """Give a guest another name."""
        self._do("rename", args, name=f"renamed-{args['nth']}")

    def lock(self, args: dict[str, Any]) -> None:
        """Lock a guest for a while, as a backup by hand does."""
        vmid = self._do("lock", args, lock="backup")
        if vmid is not None:
            self.locked.add(vmid)
            time.sleep(args["for"])
            self.unlock(vmid)

    def unlock(self, vmid: int) -> None:
        """What `qm unlock` does."""
        self._act("lock", vmid=vmid, lock="")

    def delete(self, args: dict[str, Any]) -> None:
        """Delete a guest of ours at the cluster."""
        guests = self._world.lab.guests(HIGHEST_STRANGER).items()
        ours = [vmid for vmid, one in guests if not one["template"] and not self._is_stranger(vmid)]
        if ours:
            vmid = ours[args["nth"] % len(ours)]
            self._note(vmid, "delete")
            if self._act("delete", vmid=vmid):
                self.deleted.add(vmid)

    def swap(self, args: dict[str, Any]) -> None:
        """Delete a guest of ours and make another under its VMID."""
        self.delete(args)
        for vmid in sorted(self.deleted - self.taken):
            if self._act("create", vmid=vmid, name=f"stranger-{vmid}"):
                self._act("power", vmid=vmid, status="running")
                self.taken.add(vmid)
                self.deleted.discard(vmid)

    def delete_stranger(self, args: dict[str, Any]) -> None:
        """Delete a guest that was never ours."""
        strangers = sorted(self.taken - self.deleted)
        if strangers:
            vmid = strangers[args["nth"] % len(strangers)]
            self.deleted.add(vmid)
            self._act("delete", vmid=vmid)

    def take(self, args: dict[str, Any]) -> None:
        """Make a guest under a VMID that we would take next."""
        highest = max([self._world.first_vmid, *self._world.lab.guests(HIGHEST_STRANGER)])
        vmid = highest + 1 + args["nth"] % 2
        self.taken.add(vmid)
        if not self._act("create", vmid=vmid, name=f"stranger-{vmid}"):
            self.taken.discard(vmid)

    def _do(self, action: str, args: dict[str, Any], **more: Any) -> int | None:
        guests = sorted(vmid for vmid, one in self._world.lab.guests(0).items() if not one["template"])
        vmid = (
            guests[args["nth"] % len(guests)] if args["nth"] < 2 else guests[-1 - args["nth"] % len(guests)]
        )
        self._note(vmid, action)
        return vmid if self._act(action, vmid=vmid, **more) else None

    def _is_stranger(self, vmid: int) -> bool:
        return vmid < HIGHEST_STRANGER or vmid in self.taken

    def _note(self, vmid: int, action: str) -> None:
        with self._lock:
            self.touched.setdefault(vmid, set()).add(action)

    def _act(self, action: str, **args: Any) -> bool:
        try:
            self._world.lab.do("foreign", action=action, args=args)
        except urllib.error.HTTPError:
            return False  # the guest is gone by now
        return True
