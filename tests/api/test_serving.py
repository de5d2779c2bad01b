"""How the API is started: configuration, TLS, systemd's socket, the daemon, and never in other verbs."""

from __future__ import annotations

import datetime
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from engine.certificates import expiries
from engine.errors import Refused
from kvmtui import config
from kvmtui.api import serving
from kvmtui.api.serving import ApiServer
from kvmtui.api.settings import ApiSettings
from tests.api.conftest import Api
from tests.conftest import Ran, Store, clean_environment


def loaded(home: Path, toml: str) -> ApiSettings:
    (home / "config.toml").write_text(f"[api]\n{toml}\n")
    return config.load({"KVMTUI_HOME": str(home)}).api


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        ('listen = "0.0.0.0:8460"', "in the clear"),
        ('listen = "192.0.2.1:8460"', "cross the network in clear"),
        ('listen = "[2001:db8::1]:8460"', "cross the network in clear"),
        ('listen = "127.0.0.1"', "ADDRESS:PORT"),
        ('listen = "127.0.0.1:99999"', "ADDRESS:PORT"),
        ('listen = "api.example.com:8460"', "ADDRESS:PORT"),
        ('tls_cert = "a.crt"', "belong together"),
        ('proxies = ["proxy"]', "not an IP address or network"),
        ('cors = ["*"]', "not an origin"),
        ("rate_limit = -1", "0 or more"),
        ("nonsense = 1", "unknown"),
    ],
)
def test_settings_that_are_refused(home: Path, toml: str, said: str) -> None:
    with pytest.raises(Refused) as refused:
        loaded(home, toml)
    wanted = "cross the network in clear" if said == "in the clear" else said
    assert "config.toml: api" in refused.value.sentence and wanted in refused.value.sentence


def test_settings_that_are_taken(home: Path) -> None:
    found = loaded(home, 'listen = "192.0.2.1:8460"\ntls_cert = "a.crt"\ntls_key = "/etc/a.key"')
    assert (found.tls_cert, found.tls_key) == (home / "a.crt", Path("/etc/a.key"))
    assert loaded(home, 'listen = "0.0.0.0:80"\nbehind_proxy = true').listen == "0.0.0.0:80"
    assert loaded(home, 'listen = "[::1]:8460"').listen == "[::1]:8460"


def test_an_address_in_use_is_named(sqlite_store: Store) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(Refused, match=r"cannot listen on 127\.0\.0\.1:.*in use"):
            ApiServer(ApiSettings(), f"127.0.0.1:{taken.getsockname()[1]}")


def certificate(folder: Path) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=30))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    cert, private = folder / "a.crt", folder / "a.key"
    cert.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return cert, private


def test_it_serves_tls_and_says_when_the_certificate_expires(
    serve: Callable[..., Api], tmp_path: Path
) -> None:
    cert, key = certificate(tmp_path)
    api = serve(tls_cert=cert, tls_key=key)
    assert api.server.url.startswith("https://")
    url = api.server.url.replace("127.0.0.1", "localhost")
    trusted = ssl.create_default_context(cafile=str(cert))
    text = httpx.get(f"{url}/metrics", verify=trusted, trust_env=False).text
    line = next(each for each in text.splitlines() if each.startswith("kvmtui_api_certificate_expiry"))
    assert 29 * 86_400 < float(line.split()[1]) - time.time() < 31 * 86_400
    assert [(each.server, each.days_left) for each in expiries()] == [("", 29)]
    assert api.server.stop() and expiries() == []


def test_a_certificate_that_is_none_is_refused(sqlite_store: Store, tmp_path: Path) -> None:
    (tmp_path / "a.crt").write_text("nonsense")
    with pytest.raises(Refused, match="Correct tls_cert and tls_key"):
        ApiServer(ApiSettings(tls_cert=tmp_path / "a.crt", tls_key=tmp_path / "a.crt"), "127.0.0.1:0")


def test_a_crash_of_the_server_is_survived(
    serve: Callable[..., Api], monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = serving.create, []

    def create(settings: ApiSettings, listen: str) -> Any:
        calls.append(settings)
        if len(calls) == 1:
            raise RuntimeError("a crash")
        return real(settings, listen)

    monkeypatch.setattr(serving, "create", create)
    api = serve()
    assert (
        api.get("/api/v1/health").status_code == 200 and len(calls) == 2
    )  # the socket stayed open until now


def _started(home: Path, *arguments: str, **more: Any) -> tuple[subprocess.Popen[str], str]:
    environment = clean_environment(home) | more.pop("environment", {})
    process = subprocess.Popen(
        [sys.executable, "-m", "kvmtui", *arguments],
        stdout=subprocess.PIPE,
        env=environment,
        text=True,
        **more,
    )
    assert process.stdout is not None
    for line in process.stdout:
        if "API listens on " in line:
            return process, line.split("API listens on ")[1].strip()
    raise AssertionError(f"it ended with {process.wait(10)}")


@pytest.mark.parametrize(
    "arguments", [("api", "127.0.0.1:0"), ("--daemon", "--api", "127.0.0.1:0"), ("--daemon",)]
)
def test_it_is_served_alone_and_by_the_daemon(home: Path, arguments: tuple[str, ...]) -> None:
    loaded(home, 'listen = "127.0.0.1:0"')
    (home / "config.toml").chmod(0o600)
    process, url = _started(home, *arguments)
    assert httpx.get(f"{url}/readyz", trust_env=False).json() == {"status": "ready"}
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0
    assert process.stdout is not None
    process.stdout.close()


@contextmanager
def _activated(home: Path, passed: socket.socket) -> Iterator[subprocess.Popen[str]]:
    """The API, started as systemd does: descriptor 3, and the variables name the process that is executed."""
    passed.listen()
    launcher = (
        "import os, sys; os.dup2(int(sys.argv[1]), 3);"
        "os.environ.update(LISTEN_FDS='1', LISTEN_PID=str(os.getpid()));"
        "os.execv(sys.executable, [sys.executable, '-m', 'kvmtui', 'api'])"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", launcher, str(passed.fileno())],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=clean_environment(home),
        text=True,
        pass_fds=[passed.fileno()],
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def test_the_socket_that_systemd_passes_is_used(home: Path) -> None:
    with socket.socket() as passed:
        passed.bind(("127.0.0.1", 0))
        with _activated(home, passed) as process:
            assert process.stdout is not None
            url = process.stdout.readline().split("listens on ")[1].strip()
            assert url.endswith(f":{passed.getsockname()[1]}")
            assert httpx.get(f"{url}/api/v1/health", trust_env=False).status_code == 200
            process.send_signal(signal.SIGTERM)
            assert process.wait(20) == 0


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_UNIX])
def test_a_socket_of_systemd_that_tokens_would_cross_in_clear_is_refused(
    home: Path, family: socket.AddressFamily, tmp_path: Path
) -> None:
    with socket.socket(family) as passed:
        passed.bind(("0.0.0.0", 0) if family == socket.AF_INET else str(tmp_path / "socket"))
        with _activated(home, passed) as process:
            said = process.communicate(timeout=20)[1]
        assert process.returncode == 2 and "systemd passed" in said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--api",), "--api needs --daemon"),
        (("--api", "127.0.0.1:1", "vm", "list"), "cannot be combined"),
        (("api", "0.0.0.0:8460"), "cross the network in clear"),
        (("api", "nonsense"), "ADDRESS:PORT"),
    ],
)
def test_bad_usage_is_refused(kvmtui: Callable[..., Ran], arguments: tuple[str, ...], said: str) -> None:
    ran = kvmtui(*arguments)
    assert ran.exit == 2 and said in ran.stderr, ran


_LOOK = (
    "import sys; from kvmtui.terminal.exits import run; run(sys.argv[1:]); "
    "found = {'fastapi', 'uvicorn', 'starlette', 'prometheus_client'} & sys.modules.keys(); "
    "sys.exit(f'imported: {found}' if found else 0)"
)


@pytest.mark.parametrize(
    "arguments", [("vm", "list"), ("service", "show", "1", "--json"), ("--help",), ("cron",), ("doctor",)]
)
def test_other_verbs_import_nothing_of_it(home: Path, arguments: tuple[str, ...]) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", _LOOK, *arguments],
        capture_output=True,
        text=True,
        env=clean_environment(home) | {"PYTHONPATH": os.getcwd()},
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr


def test_the_console_imports_nothing_of_it(home: Path) -> None:
    look = (
        "import sys, kvmtui.app, screens.shell; "
        "found = {'fastapi', 'uvicorn', 'starlette', 'prometheus_client'} & sys.modules.keys(); "
        "sys.exit(f'imported: {found}' if found else 0)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", look],
        capture_output=True,
        text=True,
        env=clean_environment(home) | {"PYTHONPATH": os.getcwd()},
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr


_LOADED = """
import sys
from kvmtui import config
from engine.store import drivers
site = config.load()
drivers.needed_by(site.database)
config.open_site(site)
import kvmtui.api.serving
config.close_site()
print(*sys.modules)
"""


def test_the_api_loads_only_what_every_request_may_need(home: Path, kvmtui: Callable[..., Ran]) -> None:
    """Each of these costs a process that never uses it megabytes."""
    assert kvmtui("server", "list").exit == 0  # creates the database
    environment = clean_environment(home) | {"PYTHONPATH": os.getcwd()}
    loaded = subprocess.run(
        [sys.executable, "-c", _LOADED], capture_output=True, text=True, check=True, env=environment
    ).stdout.split()
    unwanted = {
        "apscheduler", "cryptography", "dns", "engine.running", "engine.work.engine", "httpx", "jinja2",
        "kvmtui.api.examples", "prometheus_client", "proxmoxer", "psycopg", "pydantic.v1.main", "requests", "rich",
        "textual", "websockets",
    }  # fmt: skip
    assert "kvmtui.api.app" in loaded and not (unwanted & set(loaded)), unwanted & set(loaded)
