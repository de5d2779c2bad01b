"""Consoles: tickets for a terminal or a screen, and the websocket both are reached through."""

from __future__ import annotations

import asyncio
import hmac
import secrets
import time
from typing import Any

from aiohttp import WSMsgType, web
from fakepve.model import TaskError
from fakepve.routing import die

from kvmtui.lab.consoles import Proxy
from kvmtui.lab.guests import LabGuest
from kvmtui.lab.screen import VncScreen
from kvmtui.lab.tasks import LabTask
from kvmtui.lab.terminal import Terminal
from kvmtui.lab.world import LabCluster, serves

QEMU = "/nodes/{node}/qemu/{vmid}"
SOCKET = QEMU + "/vncwebsocket"
# Real seconds: people and browsers do not run faster because the lab does.
CONNECT_SECONDS = 10.0
CERTIFICATE = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
LOOK_SECONDS = 0.2


async def _open(
    world: LabCluster, guest: LabGuest, user: str, *, terminal: bool, wants_password: bool
) -> dict[str, Any]:
    stamp = f"PVEVNC:{int(time.time()):08X}::{secrets.token_urlsafe(48)}"
    password = ""
    if not terminal and (world.dialect.gives_vnc_password or wants_password):
        password = secrets.token_hex(4)
    ticket = f"{password}:{stamp}" if password and world.dialect.gives_vnc_password else stamp
    proxy = Proxy(ticket, user, guest.vmid, world.consoles.free_port(), password, terminal)
    world.consoles.waiting[proxy.port] = proxy

    async def body(task: LabTask) -> None:
        try:
            await asyncio.wait_for(proxy.taken.wait(), CONNECT_SECONDS)
        except TimeoutError:
            world.consoles.waiting.pop(proxy.port, None)
            raise TaskError("connection timed out") from None
        await proxy.closed.wait()

    upid = await world.workers.start(guest.node, "vncproxy", guest.vmid, user, body, vmids=(guest.vmid,))
    answer = {"user": user, "ticket": ticket, "port": str(proxy.port), "upid": upid}
    if not terminal:
        answer["cert"] = CERTIFICATE
    return {**answer, "password": password} if password else answer


@serves("POST", QEMU + "/termproxy")
async def termproxy(world: LabCluster, values: dict[str, Any], user: str) -> dict[str, Any]:
    """A ticket for the serial terminal."""
    guest = world.find(values["node"], values["vmid"])
    serial = values.get("serial") or next(
        (f"serial{n}" for n in range(4) if f"serial{n}" in guest.config), None
    )
    if serial is None:
        raise die("unable to find a serial interface")
    if not values.get("serial") and guest.config.get(serial) != "socket":
        raise die(f"serial interface '{serial}' is not correctly configured")
    return await _open(world, guest, user, terminal=True, wants_password=False)


@serves("POST", QEMU + "/vncproxy")
async def vncproxy(world: LabCluster, values: dict[str, Any], user: str) -> dict[str, Any]:
    """A ticket for the screen."""
    guest = world.find(values["node"], values["vmid"])
    wants = bool(values.get("generate-password"))
    return await _open(world, guest, user, terminal=False, wants_password=wants)


async def connect(
    world: LabCluster, request: web.BaseRequest, names: dict[str, str], user: str
) -> web.StreamResponse:
    """The websocket a console's ticket opens."""
    guest = world.find(names["node"], int(names["vmid"]))
    query = request.query
    proxy = world.consoles.take(query.get("port", ""), query.get("vncticket", ""), user, guest.vmid)
    socket = web.WebSocketResponse(protocols=("binary",))
    proxy.transport = request.transport
    world.consoles.open.append(proxy)
    try:
        await socket.prepare(request)
        if guest.running:
            await (_terminal(socket, guest, proxy) if proxy.terminal else _screen(socket, guest, proxy))
    except ConnectionError:
        pass  # one side hung up, which is how consoles end
    finally:
        world.consoles.open.remove(proxy)
        proxy.closed.set()
        await socket.close()
    return socket


async def _frame(socket: web.WebSocketResponse, guest: LabGuest) -> bytes:
    """What the client sent next; a guest that is off has no console any more."""
    while guest.running:
        try:
            frame = await socket.receive(timeout=LOOK_SECONDS)
        except TimeoutError:
            continue
        if frame.type == WSMsgType.TEXT:
            return str(frame.data).encode()
        if frame.type != WSMsgType.BINARY:
            raise ConnectionError("the client hung up")
        return bytes(frame.data)
    raise ConnectionError("the guest is off")


async def _terminal(socket: web.WebSocketResponse, guest: LabGuest, proxy: Proxy) -> None:
    hello = await _frame(socket, guest)
    if not hmac.compare_digest(hello, f"{proxy.user}:{proxy.ticket}\n".encode()):
        return
    terminal = Terminal(guest.name)
    await socket.send_bytes(b"OK")
    await socket.send_bytes(terminal.greeting())
    while True:
        answer = terminal.received(await _frame(socket, guest))
        proxy.size = terminal.size
        if answer:
            await socket.send_bytes(answer)


async def _screen(socket: web.WebSocketResponse, guest: LabGuest, proxy: Proxy) -> None:
    async def receive() -> bytes:
        return await _frame(socket, guest)

    await VncScreen(guest.name, proxy.password or proxy.ticket, receive, socket.send_bytes).run()
