"""A private PowerDNS for tests: its own directory, its own free ports, on the loopback only."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import sqlite3
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import httpx

SCHEMA = Path("/usr/share/pdns-backend-sqlite3/schema/schema.sqlite3.sql")
CONFIG = """
launch=gsqlite3
gsqlite3-database={home}/zones.sqlite3
gsqlite3-pragma-synchronous=0
local-address=127.0.0.1
local-port={dns_port}
api=yes
api-key={key}
webserver=yes
webserver-address=127.0.0.1
webserver-port={api_port}
webserver-allow-from=127.0.0.1
webserver-loglevel=none
socket-dir={home}
security-poll-suffix=
zone-cache-refresh-interval=0
cache-ttl=0
query-cache-ttl=0
negquery-cache-ttl=0
guardian=no
daemon=no
disable-syslog=yes
write-pid=no
loglevel=3
{more}
"""


def why_not_here() -> str:
    """The reason why no PowerDNS can run here, or an empty text."""
    if _program() is None:
        return "pdns_server is not installed (Debian: pdns-server and pdns-backend-sqlite3)"
    return "" if SCHEMA.is_file() else f"{SCHEMA} is missing (Debian: pdns-backend-sqlite3)"


def _program() -> str | None:
    return shutil.which("pdns_server", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")


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


@dataclass
class PowerDnsServer:
    """A running server."""

    home: Path
    key: str
    dns_port: int
    api_port: int
    process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.api_port}"

    def call(self, method: str, path: str, body: object = None) -> httpx.Response:
        """A call to the API that does not go through the code under test."""
        return httpx.request(
            method,
            f"{self.url}/api/v1/servers/localhost{path}",
            json=body,
            headers={"X-API-Key": self.key, "Accept": "application/json"},
            trust_env=False,
            timeout=20,
        )

    def add_zone(self, name: str, kind: str = "Native", **more: object) -> None:
        full = name.rstrip(".") + "."
        answer = self.call(
            "POST", "/zones", {"name": full, "kind": kind, "nameservers": ["ns1.example.net."], **more}
        )
        assert answer.status_code == 201, answer.text

    def drop_zone(self, name: str) -> None:
        self.call("DELETE", "/zones/" + name.rstrip(".").replace("/", "=2F") + ".")

    def put(self, zone: str, name: str, kind: str, *contents: str, ttl: int = 3600, **more: object) -> None:
        """Writes a record set as somebody else would."""
        records = [{"content": content, "disabled": False} for content in contents]
        item = {"name": name + ".", "type": kind, "ttl": ttl, "changetype": "REPLACE", "records": records}
        path = "/zones/" + zone.replace("/", "=2F") + "."
        answer = self.call("PATCH", path, {"rrsets": [{**item, **more}]})
        assert answer.status_code == 204, answer.text

    def rows(self, name: str) -> list[tuple[str, str, int]]:
        """What the database holds at a name: type, content, disabled."""
        with sqlite3.connect(self.home / "zones.sqlite3") as base:
            found = base.execute(
                "select type, content, disabled from records "
                "where name = ? and type is not null order by 1, 2",
                (name,),
            ).fetchall()
        base.close()
        return found

    def serial(self, zone: str) -> int:
        return int(self.call("GET", f"/zones/{zone}.?rrsets=false").json()["serial"])

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def start(home: Path, more: str = "") -> PowerDnsServer:
    """Starts a server; tries other ports when somebody else was faster."""
    program = _program()
    assert program is not None
    with sqlite3.connect(home / "zones.sqlite3") as base:
        base.executescript(SCHEMA.read_text())
    base.close()
    for _ in range(5):
        key, dns_port, api_port = secrets.token_hex(16), _free_port(), _free_port()
        text = CONFIG.format(home=home, key=key, dns_port=dns_port, api_port=api_port, more=more)
        (home / "pdns.conf").write_text(text)
        with (home / "log").open("wb") as log:
            process = subprocess.Popen(
                [program, f"--config-dir={home}"], stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        server = PowerDnsServer(home, key, dns_port, api_port, process)
        if _answers(server):
            return server
        server.stop()
    raise RuntimeError((home / "log").read_text()[-1000:])


def _answers(server: PowerDnsServer) -> bool:
    until = time.monotonic() + 10
    while time.monotonic() < until and server.process.poll() is None:
        try:
            if server.call("GET", "").status_code == 200:
                return True
        except httpx.HTTPError:
            time.sleep(0.05)
    return False
