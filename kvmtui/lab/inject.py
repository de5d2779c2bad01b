"""Faults striking a request: before its work, after it, and what they do to the connection."""

from __future__ import annotations

import asyncio
import socket
import struct
from enum import Enum
from typing import Final

from aiohttp import web
from fakepve.model import PveError

from engine.errors import Refused
from kvmtui.lab import foreign
from kvmtui.lab.faults import CODE_TEXTS, InjectedFault
from kvmtui.lab.world import LabCluster


class _Cut(Enum):
    """The connection is gone; there is nobody to answer."""

    CUT = 0


CUT: Final = _Cut.CUT


async def before(
    world: LabCluster, request: web.BaseRequest, struck: list[InjectedFault]
) -> PveError | _Cut | None:
    """Inject faults before the work; None means that the work proceeds."""
    for fault in struck:
        if fault.kind == "foreign":
            await foreign.act(world, fault.action, **dict(fault.args))
        elif fault.kind in ("offline", "no-quorum"):
            _begin_outage(world, fault)
        elif fault.kind == "cut":
            return _reset(request)
        elif fault.kind == "status" and not fault.after:
            return _error(fault)
        elif fault.kind == "hang" and not fault.after:
            return await _hang(request, fault)
    return None


async def after(
    request: web.BaseRequest, response: web.Response, struck: list[InjectedFault]
) -> web.StreamResponse | PveError | _Cut:
    """Let faults strike once the work is done; without one the response goes out as it is."""
    for fault in struck:
        if fault.kind == "lost":
            return _reset(request)
        if fault.kind == "hang":
            return await _hang(request, fault)
        if fault.kind == "status":
            return _error(fault)
        if fault.kind == "drip":
            return await _drip(request, response, fault)
    return response


def set_online(world: LabCluster, node: str, *, online: bool) -> None:
    """Take a node offline or online."""
    if node not in world.nodes:
        raise Refused(f"The lab has no node '{node}'. It has: {', '.join(world.nodes)}.")
    world.nodes[node]["online"] = online
    world.revision += 1


async def _outage(world: LabCluster, node: str, seconds: float) -> None:
    """A node (or, without one, the quorum) is back after so many virtual seconds."""
    await world.clock.sleep(seconds)
    if node:
        set_online(world, node, online=True)
    else:
        world.quorate = True


def _begin_outage(world: LabCluster, fault: InjectedFault) -> None:
    if fault.kind == "offline":
        set_online(world, fault.target, online=False)
    else:
        world.quorate = False
    if fault.seconds:
        world.background(_outage(world, fault.target, fault.seconds))


def _error(fault: InjectedFault) -> PveError:
    return PveError(fault.code, fault.text or CODE_TEXTS.get(fault.code, "Internal Server Error"))


async def _hang(request: web.BaseRequest, fault: InjectedFault) -> _Cut:
    await asyncio.sleep(fault.seconds or 3600)
    return _reset(request)


def _reset(request: web.BaseRequest) -> _Cut:
    """Cut the connection so that the client sees a reset, not a clean end."""
    transport = request.transport
    if transport is not None:
        raw = transport.get_extra_info("socket")
        if raw is not None:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
    return CUT


async def _drip(request: web.BaseRequest, response: web.Response, fault: InjectedFault) -> web.StreamResponse:
    body = response.body if isinstance(response.body, bytes) else b""
    slow = web.StreamResponse(status=response.status, reason=response.reason)
    slow.content_type = "application/json"
    slow.content_length = len(body)
    await slow.prepare(request)
    for offset in range(len(body)):
        await slow.write(body[offset : offset + 1])
        await asyncio.sleep(fault.seconds)
    await slow.write_eof()
    return slow
