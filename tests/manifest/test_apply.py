"""apply: what it makes, that it is silent the second time, and that a refusal changes nothing."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.actions.repository import PutResult
from engine.errors import Refused
from engine.plan import effective
from engine.queries import inventory
from engine.store import secrets
from engine.store.models import Audit, Event, Product, Server, Service, Vm
from engine.store.settings import Smtp, read
from engine.work.requests import queue_of
from kvmtui.manifest.checking import BadManifest
from tests.manifest.conftest import SITE

Put = Callable[..., Any]


def verbs(plan: list[PutResult]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for outcome in plan:
        found.setdefault(outcome.verb, set()).add(f"{outcome.kind} {outcome.name}")
    return found


def test_a_site_is_made_and_the_second_time_is_silent(put: Put, everything: Callable[[], Any]) -> None:
    made = verbs(put(SITE).plan)
    assert {"server pve-waw1", "product VPS-2", "client Acme", "service 5546"} <= made["create"]
    assert {"setting general", "setting cron", "setting smtp"} <= made["change"]
    before = everything()
    again = put(SITE)
    assert again.changed == 0
    assert everything() == before


def test_a_new_service_starts_deploying(put: Put) -> None:
    put(SITE)
    vm = Vm.get()
    assert (vm.service_id, vm.vm_status, vm.server.name) == (5546, "creation", "pve-waw1")
    assert vm.due_at is not None
    assert Service.get().options == {"cores": 4, "ipv6": 0}


def test_a_dry_run_has_the_plan_and_changes_nothing(put: Put, everything: Callable[[], Any]) -> None:
    before = everything()
    dry = put(SITE, dry_run=True)
    assert everything() == before
    assert dry.plan and dry.changed
    wet = put(SITE)
    assert [(each.kind, each.name, each.verb) for each in wet.plan] == [
        (each.kind, each.name, each.verb) for each in dry.plan
    ]


def test_secrets_are_sealed_kept_replaced_and_never_shown(put: Put) -> None:
    put(SITE)
    server = Server.get(Server.name == "pve-waw1")
    assert secrets.unseal(server.token_secret, "server", server.uid, "token_secret") == "token-secret"
    assert read(Smtp).password == "smtp-secret"
    assert put(SITE.replace("token-secret", "__KEEP__")).changed == 0
    report = put(SITE.replace("token-secret", "another-secret"))
    (change,) = [each for each in report.plan if each.verb == "change"]
    assert [each.field for each in change.differences] == ["token_secret"]
    trail = " ".join(repr((row.before, row.after)) for row in Audit.select())
    for secret in ("token-secret", "another-secret", "smtp-secret", "pdns-secret", "hestia-secret"):
        assert secret not in repr(report) + trail + " ".join(row.text for row in Event.select())


def test_a_secret_comes_from_the_environment_or_a_private_file(
    put: Put, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PDNS_KEY", "pdns-secret")
    file = tmp_path / "token.txt"
    file.write_text("token-secret\n")
    file.chmod(0o600)
    put(SITE)
    text = SITE.replace("api_key: pdns-secret", "api_key: 'env:PDNS_KEY'")
    assert put(text.replace("token_secret: token-secret", "token_secret: 'file:token.txt'")).changed == 0


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ("'env:NOT_SET_ANYWHERE'", "the variable NOT_SET_ANYWHERE of the environment is not set."),
        ("'file:nowhere.txt'", "cannot be read"),
        ("'file:wide.txt'", "chmod 600"),
        ("'file:binary.txt'", "is not text"),
        ("__KEEP__", "none is stored yet"),
    ],
)
def test_a_secret_that_cannot_be_had_is_a_fault_at_its_line(
    put: Put, tmp_path: Path, everything: Callable[[], Any], given: str, sentence: str
) -> None:
    for name, mode, content in (("wide.txt", 0o644, b"x"), ("binary.txt", 0o600, b"\xff")):
        (tmp_path / name).write_bytes(content)
        os.chmod(tmp_path / name, mode)
    before = everything()
    with pytest.raises(BadManifest) as bad:
        put(SITE.replace("token_secret: token-secret", f"token_secret: {given}"))
    line = 1 + SITE[: SITE.index("token_secret")].count("\n")
    assert f"site.yaml:{line}: servers[0].token_secret: " in bad.value.sentence
    assert sentence in bad.value.sentence
    assert everything() == before


def test_a_changed_product_is_pending_until_a_change_of_package(put: Put) -> None:
    put(SITE)
    product = Product.get()
    plan = effective(product.spec, Service.get().options)
    Vm.update(plan=plan.as_dict(), vm_status="ready", due_at=None).execute()
    report = put(SITE.replace("memory: 2048", "memory: 4096"))
    assert [(each.service, [(c.field, c.old, c.new) for c in each.changes]) for each in report.pending] == [
        (5546, [("memory", 2048, 4096)])
    ]
    assert report.queued == []
    assert (queue_of(Vm.get().id), Vm.get().due_at, Vm.get().plan["memory"]) == ([], None, 2048)
    assert [each.field for each in inventory.services()[0].pending] == ["memory"]
    more = put(
        SITE.replace("memory: 2048", "memory: 4096").replace("cores: 4", "cores: 6"), change_package=True
    )
    assert more.queued == [5546]
    assert [each.pipeline for each in queue_of(Vm.get().id)] == ["ChangePackage"]


def test_what_is_not_named_is_left_alone(put: Put) -> None:
    put(SITE)
    report = put(
        "settings: {general: {heavy_timeout: 90}}\nclients:\n  - {name: Other, email: a@b.example}\n"
    )
    assert verbs(report.plan) == {"change": {"setting general"}, "create": {"client Other"}}
    assert {view.name for view in inventory.clients()} == {"Acme", "Other"}
    assert inventory.servers()[0].name == "pve-old"


@pytest.mark.parametrize("text", ["", "# nothing\n", "settings:\nservers:\n", "services: []\n"])
def test_an_empty_manifest_changes_nothing(put: Put, text: str) -> None:
    assert put(text).plan == []


GUARDED = [
    ("products:\n  - {name: VPS-2, server: pve-old, template: 9000}", "services use it"),
    (
        "products:\n  - {name: P3, server: pve-old, template: 1000}\n"
        "services:\n  - {id: 5546, client: Acme, product: P3}",
        "VMs do not move between clusters",
    ),
    (
        "services:\n  - {id: 7, client: Acmee, product: VPS-2}",
        "Client 'Acmee' not found. Did you mean 'Acme'?",
    ),
    (
        "services:\n  - {id: 7, client: Acme, product: VPS}",
        "Product 'VPS' not found. Did you mean 'VPS-2'?",
    ),
    ("products:\n  - {name: P3, server: pve-waw, template: 9}", "template: a VMID lies between"),
    ("products:\n  - {name: P3, server: pve-waw, template: x}", "Server 'pve-waw' not found. Did you mean"),
    (
        "pools:\n  - {server: pve-waw1, type: IPv4, gateway: 192.168.130.1, mask: 24, "
        "start: 192.168.130.20, stop: 192.168.130.40}",
        "overlaps",
    ),
    (
        "zones:\n  - {zone: a.example, type: powerdns, server_url: 'http://x:1', api_key: __KEEP__}",
        "none is stored yet",
    ),
]


@pytest.mark.parametrize(("text", "sentence"), GUARDED)
def test_a_guard_that_says_no_leaves_everything_as_it_was(
    put: Put, everything: Callable[[], Any], text: str, sentence: str
) -> None:
    put(SITE)
    before = everything()
    with pytest.raises(BadManifest) as bad:
        put("clients:\n  - {name: First, email: first@example.com}\n" + text)
    assert sentence in bad.value.sentence
    assert "site.yaml:" in bad.value.sentence
    assert everything() == before


def test_a_pool_does_not_shrink_below_what_is_in_use(put: Put, everything: Callable[[], Any]) -> None:
    from engine.store.models import Address, Pool

    put(SITE)
    pool = Pool.get(Pool.type == "IPv4")
    Address.create(
        server=pool.server, pool=pool, bridge="vmbr0", address="192.168.130.29", prefix=24, state="reserved"
    )
    before = everything()
    with pytest.raises(Refused, match=r"192\.168\.130\.29"):
        put(SITE.replace("stop: 192.168.130.30", "stop: 192.168.130.10"))
    assert everything() == before


def test_faults_of_an_object_are_reported_once_and_not_echoed(put: Put) -> None:
    with pytest.raises(BadManifest) as bad:
        put(SITE.replace("token_secret: token-secret", "token_secret: ''"))
    assert len(bad.value.sentence.splitlines()) == 1
