"""When certificates expire: noted when a server shows one, warned of below the threshold, never connected for."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from engine import certificates
from engine.actions.servers import delete_server
from engine.audit import Actor
from engine.certificates import expiries, keep_api, keep_shown
from engine.clock import now_ms
from engine.queries.dashboard import alerts, dashboard
from engine.queries.metrics import gauges
from engine.schedule.process_vms import run
from engine.store import kept, secrets
from engine.store.models import Server
from engine.store.settings import Thresholds, write
from engine.work.servers import Servers
from engine.work.task import TaskResources
from kvmtui.lab import Lab
from tests.conftest import Store

DAY_MS = 86_400_000
_KEY = ec.generate_private_key(ec.SECP256R1())


def certificate(days: float) -> x509.Certificate:
    """A certificate that expires in so many days."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "pve")])
    now = datetime.now(UTC)
    built = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(_KEY.public_key())
    built = built.serial_number(x509.random_serial_number()).not_valid_before(now - timedelta(days=400))
    return built.not_valid_after(now + timedelta(days=days)).sign(_KEY, hashes.SHA256())


def der(days: float) -> bytes:
    """The same as a handshake shows it."""
    return certificate(days).public_bytes(serialization.Encoding.DER)


@pytest.fixture
def server(store: Store) -> Server:
    """A server nobody talks to."""
    return Server.create(uid=str(uuid.uuid4()), name="pve", hosts=["10.0.0.11", "10.0.0.12"])


def test_the_threshold_of_the_settings_decides(server: Server) -> None:
    keep_shown(server, {"10.0.0.11": der(30.5)}, server.hosts)
    assert [(each.what, each.name, each.days, each.late) for each in dashboard().expiry] == [
        ("certificate", "pve", 30, False)
    ]
    assert alerts() == len(dashboard().needs) == 0
    write(Thresholds(certificate_days=31))
    (need,) = dashboard().needs
    assert (need.kind, need.about, need.urgent) == ("certificate", "pve 10.0.0.11", False)
    assert need.why.startswith("expires in 30 days.") and need.opens.key == "pve"
    assert alerts() == 1 and dashboard().expiry[0].late
    write(Thresholds(certificate_days=0))
    assert alerts() == len(dashboard().needs) == 0


def test_one_that_has_expired_is_urgent(server: Server) -> None:
    keep_shown(server, {"10.0.0.11": der(-1.5)}, server.hosts)
    (need,) = dashboard().needs
    assert need.urgent and need.why.startswith("has expired.")


def test_one_that_is_valid_for_long_takes_no_room(server: Server) -> None:
    keep_shown(server, {"10.0.0.11": der(300)}, server.hosts)
    assert dashboard().expiry == [] and dashboard().needs == []


def test_it_is_written_when_it_is_new_and_once_a_day(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = der(10), der(90)
    keep_shown(server, {"10.0.0.11": old, "10.0.0.12": old}, server.hosts)
    written: list[object] = []
    whole = kept.in_transaction
    monkeypatch.setattr(kept, "in_transaction", lambda work: (written.append(work), whole(work)))
    keep_shown(server, {"10.0.0.11": old, "10.0.0.12": old}, server.hosts)
    assert written == []
    keep_shown(server, {"10.0.0.11": new}, server.hosts)
    assert len(written) == 1
    assert [(each.host, each.days_left) for each in expiries()] == [("10.0.0.12", 9), ("10.0.0.11", 89)]
    monkeypatch.setattr(certificates, "now_ms", lambda: now_ms() + 2 * DAY_MS)
    keep_shown(server, {"10.0.0.11": new}, server.hosts)
    assert len(written) == 2


def test_a_host_that_is_no_longer_asked_is_forgotten(server: Server) -> None:
    keep_shown(server, {"10.0.0.11": der(10), "10.0.0.12": der(10)}, server.hosts)
    Server.update(hosts=["10.0.0.12"]).execute()
    assert [each.host for each in expiries()] == ["10.0.0.12"]
    keep_shown(server, {}, ["10.0.0.12"])
    assert list(kept.note_of("certificates", server.uid)) == ["10.0.0.12"]


def test_a_deleted_server_leaves_no_note(server: Server) -> None:
    keep_shown(server, {"10.0.0.11": der(10)}, server.hosts)
    kept.keep("drift", server.uid, {"total": 1, "vms": {}})
    delete_server("pve", Actor("root", source="cli"))
    assert kept.notes_of("certificates") == kept.notes_of("drift") == {}


def test_one_that_was_not_seen_for_a_month_is_no_alert(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep_shown(server, {"10.0.0.11": der(40)}, server.hosts)
    monkeypatch.setattr(certificates, "now_ms", lambda: now_ms() + 31 * DAY_MS)
    assert expiries() == []


def test_what_is_no_certificate_is_left_out(server: Server) -> None:
    keep_shown(server, {"10.0.0.11": b"nothing"}, server.hosts)
    assert expiries() == []


def test_the_api_says_which_one_it_serves(server: Server, tmp_path: Path) -> None:
    file = tmp_path / "api.pem"
    file.write_bytes(certificate(5.5).public_bytes(serialization.Encoding.PEM))
    keep_api(file)
    (need,) = dashboard().needs
    assert need.about.startswith("API ") and need.opens.screen == "settings"
    assert need.why == "expires in 5 days. Renew the file in `tls_cert` and restart the API"
    keep_api(None)
    assert expiries() == [] and kept.notes_of("certificates") == {}


def test_a_tick_notes_it_and_a_monitor_reads_it(store: Store) -> None:
    with Lab(nodes=1) as lab:
        uid = str(uuid.uuid4())
        Server.create(
            uid=uid, name="pve", hosts=[lab.host], port=lab.port, tls={"fingerprint": lab.fingerprint},
            token_id=lab.token_id, token_secret=secrets.seal(lab.token_secret, "server", uid, "token_secret"),
        )  # fmt: skip
        handles = Servers()
        run(TaskResources(handles, "test", lambda: True))
        handles.close()
    (shown,) = expiries()
    assert (shown.server, shown.host, shown.days_left) == ("pve", lab.host, 29)
    (series,) = [each for each in gauges() if each.name == "certificate_expiry_timestamp_seconds"]
    assert [labels for labels, _ in series.samples] == [("pve", lab.host)]
    assert series.samples[0][1] == shown.expires_at / 1000
