"""A private BIND for tests: its own directory, its own free port, on the loopback only."""

from __future__ import annotations

import base64
import os
import secrets
import shutil
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import dns.message
import dns.query
import dns.rcode
import dns.tsigkeyring
import dns.update

CONFIG = """
options {{
    directory "{home}";
    listen-on port {port} {{ 127.0.0.1; }};
    listen-on-v6 {{ none; }};
    pid-file none;
    session-keyfile none;
    recursion no;
    dnssec-validation no;
    notify no;
    allow-transfer {{ none; }};
}};
controls {{ }};
key "{key_name}" {{ algorithm hmac-sha256; secret "{key}"; }};
key "other-key" {{ algorithm hmac-sha256; secret "{key}"; }};
"""
ZONE = """
zone "{name}" {{ type primary; file "{file}"; allow-update {{ {update} }}; allow-transfer {{ {transfer} }}; }};
"""
CONTENT = """$TTL 3600
@ IN SOA ns.bind.test. hostmaster.bind.test. 1 10800 3600 604800 3600
@ IN NS ns.bind.test.
"""
KEY_NAME = "kvmtui-key"


def why_not_here() -> str:
    """The reason why no BIND can run here, or an empty text."""
    return "" if _program() else "named is not installed (Debian: bind9)"


def _program() -> str | None:
    return shutil.which("named", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")


@dataclass(frozen=True)
class BindZone:
    """A zone to serve: who may change it, and who may have all of it."""

    name: str
    update: str = f"key {KEY_NAME};"
    transfer: str = f"key {KEY_NAME};"


@dataclass
class BindServer:
    """A running server."""

    port: int
    key: str
    process: subprocess.Popen[bytes]

    def put(self, zone: str, name: str, kind: str, *contents: str, ttl: int = 3600) -> None:
        """Replaces a record set as somebody else would."""
        change = dns.update.UpdateMessage(zone + ".", keyring=self._keyring(), keyname=f"{KEY_NAME}.")
        change.delete(name + ".", kind)
        for content in contents:
            change.add(name + ".", ttl, kind, content)
        answer = dns.query.tcp(change, "127.0.0.1", timeout=5, port=self.port)
        assert answer.rcode() == dns.rcode.NOERROR, answer

    def rows(self, name: str, kind: str) -> list[tuple[str, int]]:
        """The contents and TTL at a name, by a plain question."""
        question = dns.message.make_query(name + ".", kind)
        question.flags = 0
        answer = dns.query.tcp(question, "127.0.0.1", timeout=5, port=self.port)
        return sorted((row.to_text(), rrset.ttl) for rrset in answer.answer for row in rrset)

    def contents(self, name: str, kind: str) -> list[str]:
        """The contents at a name."""
        return [content for content, _ in self.rows(name, kind)]

    def serial(self, zone: str) -> int:
        return int(self.contents(zone, "SOA")[0].split()[2])

    def _keyring(self) -> dict[object, object]:
        return dict(dns.tsigkeyring.from_text({f"{KEY_NAME}.": ("hmac-sha256", self.key)}))

    def pause(self) -> None:
        """From now on it takes connections and answers nothing."""
        self.process.send_signal(19)

    def resume(self) -> None:
        self.process.send_signal(18)

    def stop(self) -> None:
        self.resume()
        self.process.terminate()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def start(home: Path, *zones: BindZone) -> BindServer:
    """Starts a server; tries other ports when somebody else was faster."""
    program = _program()
    assert program is not None
    for _ in range(5):
        port, key = _free_port(), base64.b64encode(secrets.token_bytes(32)).decode()
        text = CONFIG.format(home=home, port=port, key_name=KEY_NAME, key=key)
        for number, zone in enumerate(zones):
            (home / f"{number}.zone").write_text(CONTENT)
            text += ZONE.format(
                name=zone.name, file=f"{number}.zone", update=zone.update, transfer=zone.transfer
            )
        (home / "named.conf").write_text(text)
        with (home / "log").open("wb") as log:
            process = subprocess.Popen(
                [program, "-g", "-n", "1", "-c", str(home / "named.conf")],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        server = BindServer(port, key, process)
        if _answers(server, zones[0].name):
            return server
        server.stop()
    raise RuntimeError((home / "log").read_text()[-2000:])


def _answers(server: BindServer, zone: str) -> bool:
    until = time.monotonic() + 10
    while time.monotonic() < until and server.process.poll() is None:
        try:
            if server.contents(zone, "SOA"):
                return True
        except (OSError, EOFError):
            time.sleep(0.05)
    return False


def _free_port() -> int:
    for _ in range(50):
        with (
            socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tcp,
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
        ):
            tcp.bind(("127.0.0.1", 0))
            port = tcp.getsockname()[1]
            try:
                udp.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError("no port is free")
