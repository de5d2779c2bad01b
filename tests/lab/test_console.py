"""Terminal and screen consoles over their websocket."""

from __future__ import annotations

import ssl
import struct
from typing import Any
from urllib.parse import quote

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from kvmtui.lab import console
from kvmtui.lab.effects import ConsoleView
from kvmtui.lab.screen import HEIGHT, WIDTH, encrypted
from tests.waiting import until

VM = "/nodes/pve1/qemu/100"


@pytest.fixture
def vm(call: Any) -> Any:
    """A running VM with a serial port."""
    call.lab.foreign_config(100, serial0="socket")
    return call


def trusting(lab: Any) -> ssl.SSLContext:
    """For this client, which reads and writes in two threads: without the tickets TLS 1.3 sends in between."""
    context = ssl.create_default_context(cafile=lab.ca_file)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    return context


def opened(call: Any, proxy: dict[str, Any], ticket: str = "") -> ClientConnection:
    lab = call.lab
    query = f"port={proxy['port']}&vncticket={quote(ticket or proxy['ticket'], safe='')}"
    return connect(
        f"wss://{lab.host}:{lab.port}/api2/json{VM}/vncwebsocket?{query}",
        ssl=trusting(lab),
        additional_headers={"Authorization": f"PVEAPIToken={lab.token_id}={lab.token_secret}"},
        subprotocols=["binary"],  # type: ignore[list-item]
        proxy=None,
    )


def read_until(socket: ClientConnection, wanted: bytes) -> bytes:
    seen = b""
    while wanted not in seen:
        part = socket.recv(timeout=5)
        seen += part.encode() if isinstance(part, str) else part
    return seen


def test_a_terminal(vm: Any) -> None:
    proxy = vm("POST", f"{VM}/termproxy").data
    assert proxy["user"] == vm.lab.token_id
    with opened(vm, proxy) as socket:
        socket.send(f"{proxy['user']}:{proxy['ticket']}\n")
        assert socket.recv(timeout=5) == b"OK"
        read_until(socket, b"mail login: ")
        socket.send("1:120:40:")
        socket.send("0:5:root\r")
        read_until(socket, b"Password: ")
        socket.send("0:7:secret\r")
        assert b"secret" not in read_until(socket, b"root@mail:~$ ")
        socket.send("2")
        socket.send("0:8:echo hi\r")
        assert b"hi\r\n" in read_until(socket, b"$ ").removeprefix(b"echo hi")
    vm.ended(proxy["upid"])


def test_a_wrong_greeting_ends_the_terminal(vm: Any) -> None:
    proxy = vm("POST", f"{VM}/termproxy").data
    with opened(vm, proxy) as socket:
        socket.send(f"{proxy['user']}:wrong\n")
        assert list(socket) == []


def test_a_ticket_opens_one_connection(vm: Any) -> None:
    proxy = vm("POST", f"{VM}/termproxy").data
    with pytest.raises(InvalidStatus) as wrong, opened(vm, proxy, "PVEVNC:00000000::nonsense"):
        pass
    assert wrong.value.response.status_code == 401
    with opened(vm, proxy):
        pass
    with pytest.raises(InvalidStatus) as again, opened(vm, proxy):
        pass
    assert again.value.response.status_code == 401


def test_a_terminal_needs_a_serial_port_and_the_right(call: Any) -> None:
    assert call("POST", f"{VM}/termproxy").reason == "unable to find a serial interface"
    call.lab.revoke("VM.Console", "/vms/100")
    assert call("POST", f"{VM}/vncproxy").reason == "Permission check failed (/vms/100, VM.Console)"


@pytest.mark.parametrize("version", ["8", "9"])
def test_a_screen(start: Any, version: str) -> None:
    call = start(version=version)
    proxy = call("POST", f"{VM}/vncproxy", websocket=1).data
    assert ("password" in proxy) == (version == "9")
    assert 5900 <= int(proxy["port"]) <= 5999
    with opened(call, proxy) as socket:
        picture = first_picture(socket, proxy.get("password") or proxy["ticket"])
    assert len(picture) == WIDTH * HEIGHT * 4
    assert len(set(picture)) > 2


def first_picture(socket: ClientConnection, password: str) -> bytes:
    held = b""

    def read(size: int) -> bytes:
        nonlocal held
        while len(held) < size:
            part = socket.recv(timeout=5)
            held += part if isinstance(part, bytes) else part.encode()
        found, held = held[:size], held[size:]
        return found

    assert read(12) == b"RFB 003.008\n"
    socket.send(b"RFB 003.008\n")
    assert read(2) == b"\x01\x02"
    socket.send(b"\x02")
    socket.send(encrypted(read(16), password))
    assert read(4) == b"\0\0\0\0"
    socket.send(b"\x01")
    width, height = struct.unpack(">HH", read(4))
    read(16)
    read(struct.unpack(">I", read(4))[0])
    socket.send(struct.pack(">BxHi", 2, 1, 0))
    socket.send(struct.pack(">BBHHHH", 3, 0, 0, 0, width, height))
    assert struct.unpack(">BxH", read(4)) == (0, 1)
    read(12)
    return read(width * height * 4)


def test_a_wrong_vnc_password(call: Any) -> None:
    proxy = call("POST", f"{VM}/vncproxy", websocket=1).data
    with opened(call, proxy) as socket, pytest.raises(AssertionError):
        first_picture(socket, "wrong")


def greeted(call: Any, socket: ClientConnection, proxy: dict[str, Any]) -> None:
    socket.send(f"{proxy['user']}:{proxy['ticket']}\n")
    read_until(socket, b"mail login: ")


def test_an_open_terminal_can_be_seen_with_its_size(vm: Any) -> None:
    proxy = vm("POST", f"{VM}/termproxy").data
    assert vm.lab.consoles() == [], "a ticket alone is no console"
    with opened(vm, proxy) as socket:
        greeted(vm, socket, proxy)
        assert vm.lab.consoles() == [ConsoleView(100, "serial", 80, 24)]
        socket.send("1:132:43:")
        until(lambda: vm.lab.consoles() == [ConsoleView(100, "serial", 132, 43)])
        socket.send("1:no:size:")
        socket.send("0:2:ab")
        assert read_until(socket, b"ab")
        assert vm.lab.consoles()[0].columns == 132, "nonsense changes nothing"
    until(lambda: vm.lab.consoles() == [])


def test_a_guest_that_goes_off_ends_its_consoles_in_order(vm: Any) -> None:
    proxy = vm("POST", f"{VM}/termproxy").data
    with opened(vm, proxy) as socket:
        greeted(vm, socket, proxy)
        vm.lab.foreign_power(100, "stopped")
        with pytest.raises(ConnectionClosed) as ended:
            socket.recv(timeout=5)
    assert ended.value.rcvd is not None, "the other side said goodbye"
    assert vm.ended(proxy["upid"]) == "OK"


def test_a_line_that_is_cut_says_nothing(vm: Any) -> None:
    proxy = vm("POST", f"{VM}/termproxy").data
    with opened(vm, proxy) as socket:
        greeted(vm, socket, proxy)
        vm.lab.cut_consoles(100)
        with pytest.raises(ConnectionClosed) as ended:
            socket.recv(timeout=5)
    assert ended.value.rcvd is None


def test_a_ticket_is_for_its_own_guest(vm: Any) -> None:
    vm.lab.foreign_config(101, serial0="socket")
    proxy = vm("POST", f"{VM}/termproxy").data
    lab = vm.lab
    query = f"port={proxy['port']}&vncticket={quote(proxy['ticket'], safe='')}"
    with (
        pytest.raises(InvalidStatus) as other,
        connect(
            f"wss://{lab.host}:{lab.port}/api2/json/nodes/{lab.guest(101).node}/qemu/101/vncwebsocket?{query}",
            ssl=trusting(lab),
            additional_headers={"Authorization": f"PVEAPIToken={lab.token_id}={lab.token_secret}"},
            proxy=None,
        ),
    ):
        pass
    assert other.value.response.status_code == 401


def test_a_ticket_nobody_uses_ends_its_task(vm: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console, "CONNECT_SECONDS", 0.05)
    proxy = vm("POST", f"{VM}/termproxy").data
    assert vm.ended(proxy["upid"]) == "connection timed out"
    with pytest.raises(InvalidStatus) as late, opened(vm, proxy):
        pass
    assert late.value.response.status_code == 401


def test_a_session_shows_its_line_while_it_lasts(vm: Any) -> None:
    proxy = vm("POST", f"{VM}/vncproxy", websocket=1).data
    with opened(vm, proxy) as socket:
        first_picture(socket, proxy["password"])
        assert [each.kind for each in vm.lab.consoles()] == ["screen"]
        vm.lab.foreign_power(100, "stopped")
        with pytest.raises(ConnectionClosed):
            socket.recv(timeout=5)
    until(lambda: vm.lab.consoles() == [])
