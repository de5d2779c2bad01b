"""The wire: certificates, pins, silence, slowness, load, and servers that are something else."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from engine.dns.errors import DnsErrorKind, ProviderError
from engine.dns.provider import Provider, Timing
from engine.dns.providers.hestia import HestiaForm
from engine.dns.providers.powerdns import PowerDns, PowerDnsForm
from engine.dns.tls import DnsTls, colons
from engine.dns.urls import checked_url
from engine.errors import Refused
from engine.forms import ZoneForm, zone_form
from kvmtui.lab.dns.powerdns_lite import PowerDnsLite
from kvmtui.lab.dns.server import FakeResponse
from tests.dns.bench import (
    FORWARD,
    QUICK,
    Certificate,
    CloudflareBench,
    HestiaBench,
    create,
    make_certificate,
)

KEY = "a-key-of-the-lite-server"
VM = f"vm1.{FORWARD}"


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("tls"), "server")


@pytest.fixture
def lite() -> Iterator[PowerDnsLite]:
    with PowerDnsLite(KEY) as server:
        server.add_zone(FORWARD)
        yield server


@pytest.fixture
def lite_tls(certificate: Certificate) -> Iterator[PowerDnsLite]:
    with PowerDnsLite(KEY, certificate.server_context()) as server:
        server.add_zone(FORWARD)
        yield server


@pytest.fixture
def opened() -> Iterator[Callable[..., Provider]]:
    providers: list[Provider] = []

    def opener(server: PowerDnsLite, tls: DnsTls | None = None, timing: Timing | None = None) -> Provider:
        form = PowerDnsForm(type="powerdns", zone=FORWARD, server_url=server.url, api_key=KEY)
        providers.append(PowerDns(form, timing or Timing(), tls))
        return providers[-1]

    yield opener
    for provider in providers:
        provider.close()


# --- certificates ---


def test_a_certificate_of_no_known_authority_is_refused(
    lite_tls: PowerDnsLite, opened: Callable[..., Provider]
) -> None:
    report = opened(lite_tls).test()
    assert not report.ok
    assert "is not trusted" in report.sentence
    assert lite_tls.requests == []


def test_the_pinned_certificate_is_taken(
    lite_tls: PowerDnsLite, opened: Callable[..., Provider], certificate: Certificate
) -> None:
    for pin in (
        certificate.fingerprint,
        colons(certificate.fingerprint),
        "SHA256:" + certificate.fingerprint,
    ):
        assert opened(lite_tls, DnsTls(fingerprints=("0" * 64, pin))).test().ok


def test_a_wrong_pin_sends_nothing_and_shows_the_fingerprint_seen(
    lite_tls: PowerDnsLite, opened: Callable[..., Provider], certificate: Certificate
) -> None:
    provider = opened(lite_tls, DnsTls(fingerprints=("0" * 64,)))
    report = provider.test()
    assert colons(certificate.fingerprint) in report.sentence
    with pytest.raises(ProviderError) as refusal:
        provider.read([(VM, "A")])
    assert refusal.value.kind is DnsErrorKind.PERMANENT
    assert lite_tls.requests == []


def test_the_ca_file_is_taken_and_another_is_not(
    lite_tls: PowerDnsLite, opened: Callable[..., Provider], certificate: Certificate, tmp_path: Path
) -> None:
    assert opened(lite_tls, DnsTls(ca_file=str(certificate.file))).test().ok
    other = make_certificate(tmp_path, "other")
    assert not opened(lite_tls, DnsTls(ca_file=str(other.file))).test().ok


def test_insecure_must_be_written_out(lite_tls: PowerDnsLite, opened: Callable[..., Provider]) -> None:
    assert opened(lite_tls, DnsTls(insecure=True)).test().ok


def test_contradicting_or_unusable_tls_settings_are_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="one way"):
        DnsTls(insecure=True, ca_file="x")
    with pytest.raises(Refused, match="64 hexadecimal"):
        DnsTls(fingerprints=("AA:BB",))
    with pytest.raises(Refused, match="does not exist"):
        DnsTls(ca_file=str(tmp_path / "absent.pem")).context()
    (tmp_path / "empty.pem").write_text("nothing")
    with pytest.raises(Refused, match="no usable certificate"):
        DnsTls(ca_file=str(tmp_path / "empty.pem")).context()


# --- silence and slowness ---


@pytest.mark.parametrize("fault", ["half_open", "drip"])
def test_a_server_that_says_nothing_costs_the_deadline(
    lite: PowerDnsLite, opened: Callable[..., Provider], fault: str
) -> None:
    provider = opened(lite, timing=QUICK)
    if fault == "drip":
        lite.faults.drip = 0.05
    else:
        lite.faults.half_open = True
    began = time.monotonic()
    result = provider.apply([create(VM, "A", "192.0.2.1")])[0]
    assert (result.ok, result.kind) == (False, DnsErrorKind.TRANSIENT)
    assert "did not answer in time" in result.sentence
    assert time.monotonic() - began < 4 * QUICK.total
    lite.faults.half_open, lite.faults.drip = False, 0.0
    assert opened(lite).apply([create(VM, "A", "192.0.2.1")])[0].ok


def test_all_calls_of_one_provider_share_one_deadline(
    lite: PowerDnsLite, opened: Callable[..., Provider]
) -> None:
    provider = opened(lite, timing=Timing(connect=2.0, read=2.0, total=0.5))
    lite.faults.latency = 0.2
    results = [provider.apply([create(f"vm{n}.{FORWARD}", "A", "192.0.2.1")])[0] for n in range(9)]
    assert not results[-1].ok and results[-1].kind is DnsErrorKind.TRANSIENT
    assert len(lite.requests) < 9, "a batch continues after its deadline"


def test_the_fakes_go_silent_too(cloudflare: CloudflareBench, hestia: HestiaBench) -> None:
    cloudflare.fake.faults.half_open = hestia.fake.faults.half_open = True
    for bench in (cloudflare, hestia):
        assert (
            bench.open(timing=QUICK).apply([create(VM, "A", "192.0.2.1")])[0].kind is DnsErrorKind.TRANSIENT
        )
        assert "did not answer in time" in bench.open(timing=QUICK).test().sentence


def test_json_is_asked_for_or_powerdns_answers_in_plain_text(
    lite: PowerDnsLite, opened: Callable[..., Provider]
) -> None:
    opened(lite).apply([create(VM, "A", "192.0.2.1")])
    assert {request.headers["accept"] for request in lite.requests} == {"application/json"}


def test_a_broken_connection_is_tried_again(lite: PowerDnsLite, opened: Callable[..., Provider]) -> None:
    lite.faults.lose_answers = 2
    assert opened(lite).apply([create(VM, "A", "192.0.2.1")])[0].ok
    assert lite.contents(VM, "A") == ["192.0.2.1"]


# --- load ---


def test_500_is_tried_again_until_it_holds(lite: PowerDnsLite, opened: Callable[..., Provider]) -> None:
    lite.faults.next.extend([lite.busy_answer()] * 3)
    assert opened(lite).apply([create(VM, "A", "192.0.2.1")])[0].ok


def test_500_under_load_of_many_writers(lite: PowerDnsLite, opened: Callable[..., Provider]) -> None:
    lite.faults.most_at_once, lite.faults.latency = 2, 0.01
    start = threading.Barrier(5)

    def write(n: int) -> bool:
        provider = opened(lite)
        start.wait()
        return provider.apply([create(f"vm{n}.{FORWARD}", "A", "192.0.2.1")])[0].ok

    with ThreadPoolExecutor(5) as pool:
        assert all(pool.map(write, range(5)))
    assert all(lite.contents(f"vm{n}.{FORWARD}", "A") for n in range(5))


def test_a_server_that_stays_broken_is_reported(lite: PowerDnsLite, opened: Callable[..., Provider]) -> None:
    lite.faults.next.extend([lite.busy_answer()] * 50)
    result = opened(lite, timing=QUICK).apply([create(VM, "A", "192.0.2.1")])[0]
    assert (result.ok, result.kind) == (False, DnsErrorKind.TRANSIENT)
    assert "500 Internal Server Error" in result.sentence


# --- something else ---


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (FakeResponse(200, b"<html>Welcome to nginx</html>"), "not JSON"),
        (FakeResponse(404, b"<html>nothing</html>"), "PowerDNS Authoritative server?"),
        (
            FakeResponse(302, b"", (("Location", "https://other.example/"),)),
            "redirect to https://other.example/",
        ),
        (FakeResponse(403, b"forbidden"), "webserver-allow-from"),
        (FakeResponse(200, b"\xff\xfe{"), "not JSON"),
    ],
)
def test_a_server_that_is_something_else_is_reported(
    lite: PowerDnsLite, opened: Callable[..., Provider], answer: FakeResponse, says: str
) -> None:
    lite.faults.next.append(answer)
    report = opened(lite).test()
    assert not report.ok
    assert says in report.sentence


# --- settings and secrets ---

SECRET = "very-secret-value-77"


def forms_of_all_kinds() -> list[ZoneForm]:
    zone = {"zone": "Example.NET."}
    panel = {"type": "hestiacp", "user": "dns", "server_url": "https://h:8083/api/"}
    return [
        zone_form(each | zone)
        for each in (
            {
                "type": "powerdns",
                "server_url": "https://pdns:8081/api/v1/servers/localhost",
                "api_key": SECRET,
            },
            {**panel, "admin_user": "admin", "admin_password": SECRET},
            {**panel, "access_key": "K" * 20, "secret_key": SECRET},
            {"type": "cloudflare", "zone_id": "0" * 32, "api_token": SECRET},
        )
    ]


def test_secrets_are_in_no_repr_and_no_log(
    caplog: pytest.LogCaptureFixture, lite: PowerDnsLite, opened: Callable[..., Provider]
) -> None:
    assert all(SECRET not in repr(form) for form in forms_of_all_kinds())
    for talkative in ("", "httpx", "httpcore"):  # whatever a test before this one has quietened
        caplog.set_level(logging.DEBUG, logger=talkative or None)
    opened(lite).apply([create(VM, "A", "192.0.2.1")])
    assert caplog.records
    assert KEY not in caplog.text


def test_addresses_of_servers_are_brought_into_one_form() -> None:
    pdns, panel, *_ = forms_of_all_kinds()
    assert isinstance(pdns, PowerDnsForm)
    assert isinstance(panel, HestiaForm)
    assert (pdns.server_url, panel.server_url, pdns.zone) == (
        "https://pdns:8081",
        "https://h:8083",
        "example.net",
    )


@pytest.mark.parametrize(
    "url", ["", "pdns:8081", "ftp://x", "https://", "https://u:p@x", "https://x/?a=1", "https://x:99999"]
)
def test_what_is_no_server_address_is_refused(url: str) -> None:
    with pytest.raises(Refused):
        checked_url(url)


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"type": "powerdns", "server_url": "https://x", "api_key": " "}, "api_key: must not be empty"),
        ({"type": "powerdns", "server_url": "https://x", "api_key": "schlüssel"}, "Copy it again"),
        (
            {"type": "hestiacp", "server_url": "https://x", "user": "dns", "access_key": "K" * 20},
            "secret_key: is missing",
        ),
        ({"type": "cloudflare", "zone_id": "example.net", "api_token": "token"}, "zone_id: is not a Cloudfl"),
    ],
)
def test_a_zone_without_what_it_needs_is_refused(values: dict[str, str], says: str) -> None:
    with pytest.raises(Refused, match=says):
        zone_form({"zone": "example.net", **values})
