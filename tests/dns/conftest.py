"""Real PowerDNS, the two fakes, and certificates for the tests of this package."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine.dns.provider import Timing
from engine.dns.providers.powerdns import PowerDns
from engine.dns.query import NameServer
from kvmtui.lab.dns.cloudflare import CloudflareFake
from kvmtui.lab.dns.hestia import FakeKey, HestiaFake
from tests.dns import bind_server, powerdns_server
from tests.dns.bench import (
    CLASSLESS,
    FORWARD,
    KEY_ID,
    KEY_SECRET,
    PASSWORD,
    REVERSE,
    REVERSE6,
    CloudflareBench,
    HestiaBench,
    opened,
)
from tests.dns.bind_server import BindServer, BindZone
from tests.dns.powerdns_server import PowerDnsServer


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Recorded exchanges, when they lie beside the checkout."""
    root = os.environ.get("KVMTUI_SHARED")
    folder = Path(root) if root else Path(__file__).parents[3] / "shared"
    if not (folder / "data" / "dns").is_dir():
        pytest.skip("the recorded exchanges are not here")
    return folder / "data" / "dns"


@pytest.fixture(scope="session")
def wire(shared_data: Path) -> list[dict]:
    return json.loads((shared_data / "cloudflare-wire.json").read_text())["exchanges"]


@pytest.fixture(scope="session")
def pdns_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PowerDnsServer]:
    why = powerdns_server.why_not_here()
    if why and os.environ.get("KVMTUI_REQUIRE_POWERDNS") == "1":
        pytest.fail(why)
    if why:
        pytest.skip(why)
    server = powerdns_server.start(tmp_path_factory.mktemp("pdns"))
    yield server
    server.stop()


@pytest.fixture
def pdns(pdns_process: PowerDnsServer) -> PowerDnsServer:
    """PowerDNS with a fresh forward zone and fresh reverse zones."""
    for zone in (FORWARD, REVERSE, REVERSE6, CLASSLESS):
        pdns_process.drop_zone(zone)
        pdns_process.add_zone(zone)
    return pdns_process


@pytest.fixture
def bind(tmp_path: Path) -> Iterator[BindServer]:
    """BIND with a forward zone and reverse zones that one key may change, and zones that refuse in various ways."""
    why = bind_server.why_not_here()
    if why and os.environ.get("KVMTUI_REQUIRE_BIND") == "1":
        pytest.fail(why)
    if why:
        pytest.skip(why)
    server = bind_server.start(
        tmp_path,
        *(BindZone(name) for name in (FORWARD, REVERSE, REVERSE6, CLASSLESS)),
        BindZone("frozen.example", update="none;"),
        BindZone("private.example", transfer="none;"),
    )
    yield server
    server.stop()


@pytest.fixture
def name_server(pdns: PowerDnsServer) -> NameServer:
    return NameServer("127.0.0.1", pdns.dns_port)


@pytest.fixture
def open_pdns(pdns: PowerDnsServer) -> Iterator[Callable[..., PowerDns]]:
    kept: list[PowerDns] = []

    def opener(zone: str = FORWARD, key: str = "", url: str = "", timing: Timing | None = None) -> PowerDns:
        values = {"zone": zone, "server_url": url or pdns.url, "api_key": key or pdns.key}
        provider = opened("powerdns", timing, **values)
        assert isinstance(provider, PowerDns)
        kept.append(provider)
        return provider

    yield opener
    for provider in kept:
        provider.close()


@pytest.fixture
def cloudflare(request: pytest.FixtureRequest) -> Iterator[CloudflareBench]:
    # A token of its own for each test, because the call budget is kept per token.
    fake = CloudflareFake(f"token-{request.node.name}".encode().hex()[-60:])
    with fake:
        bench = CloudflareBench(fake, fake.add_zone(FORWARD), [])
        yield bench
        for provider in bench.opened:
            provider.close()


@pytest.fixture
def hestia() -> Iterator[HestiaBench]:
    fake = HestiaFake(PASSWORD)
    fake.switches.keys[KEY_ID] = FakeKey(KEY_SECRET)
    for zone in (FORWARD, REVERSE, REVERSE6):
        fake.add_zone(zone)
    fake.add_zone("bob.example", user="bob")
    with fake:
        bench = HestiaBench(fake, [])
        yield bench
        for provider in bench.opened:
            provider.close()
