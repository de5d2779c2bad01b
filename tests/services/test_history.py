"""The story of a service: what was asked, what was done, whose the guest was; paged without gaps or repeats."""

from __future__ import annotations

import uuid

from engine import audit
from engine.audit import Actor
from engine.queries.changes import changed, circumstances, in_words
from engine.queries.history import Moment, history_of
from engine.store.models import Audit, Call, Client, Product, Run, Server, Service, Vm
from tests.conftest import Store

ME = Actor("noc", "192.0.2.7", "cli")


def _service() -> Vm:
    server = Server.create(uid=str(uuid.uuid4()), name="pve", hosts=["192.0.2.1"])
    product = Product.create(name="P", server=server, spec={})
    service = Service.create(client=Client.create(name="Acme"), product=product)
    return Vm.create(uid=str(uuid.uuid4()), service=service, server=server, name="web", vmid=2002)


def _record_change(vm: Vm) -> None:
    """A request, its run, and the clone that made the guest ours."""
    audit.record(
        ME, "change-package", "vm", str(vm.service_id), "web", before={"vm_status": "ready"},
        after={"options": {"cores": 4}, "was": {"options": {"cores": 2}}}, reason="asked by phone",
    )  # fmt: skip
    run = Run.create(
        vm=vm, action="Deploy", from_status="creation", to_status="ready", result="error",
        error="no space", finished_at=1, request={"by": "noc"},
    )  # fmt: skip
    Call.create(
        server=vm.server, vm=vm, run=run, what="Cloning template 9000 to VM 2002 on pve1", method="POST",
        path="/nodes/pve1/qemu/9000/clone", vmid=2002, state="ended", outcome="OK",
    )  # fmt: skip


def test_one_timeline_of_requests_runs_and_ownership(store: Store) -> None:
    vm = _service()
    _record_change(vm)
    other = Call.create(
        server=vm.server, vm=vm, what="Starting: VM 2002 on pve1", method="POST", path="/start", state="ended"
    )
    found = {each.kind: each for each in history_of(vm.service_id)}
    assert len(history_of(vm.service_id)) == 3, f"call {other.id} changes no ownership"
    asked, run, ours = found["request"], found["run"], found["ownership"]
    assert (asked.who, asked.what, asked.result, asked.run_id) == ("noc", "change-package", "done", None)
    assert asked.detail == "asked by phone; options.cores 2 -> 4"
    assert (run.who, run.what, run.result) == ("noc", "Deploy (creation -> ready)", "error")
    assert run.detail == "no space" and run.run_id == Run.get().id
    assert (ours.who, ours.result, ours.run_id, ours.detail) == ("engine", "done", run.run_id, "")


def test_another_client_is_a_change_of_ownership(store: Store) -> None:
    vm = _service()
    audit.record(
        ME, "change", "service", str(vm.service_id), "1", before={"client": "Acme"}, after={"client": "Beta"}
    )
    audit.record(ME, "change", "product", str(vm.service_id), "P", before={}, after={"cores": 1})
    (moment,) = history_of(vm.service_id)
    assert (moment.kind, moment.detail) == ("ownership", "client Acme -> Beta")


def test_pages_have_no_gap_and_no_repeat_even_at_one_moment(store: Store) -> None:
    vm = _service()
    for _ in range(7):
        Run.create(
            vm=vm, action="Start", from_status="ready", result="success", started_at=1000, finished_at=1
        )
        Call.create(
            server=vm.server, vm=vm, what="Writing our mark: VM 2002 on pve1", method="PUT", path="/config",
            state="ended", intent_at=1000,
        )  # fmt: skip
        audit.record(ME, "start", "vm", str(vm.service_id), "web", before={}, after={})
    pages, before = list[Moment](), None
    while page := history_of(vm.service_id, limit=4, before=before):
        pages += page
        before = page[-1].place
    assert len(pages) == 21 == len({each.place for each in pages})
    assert pages == history_of(vm.service_id, limit=100)
    assert [each.place for each in pages] == sorted((each.place for each in pages), reverse=True)
    assert Audit.select().count() == 7


def test_a_service_without_a_vm_still_has_its_requests(store: Store) -> None:
    vm = _service()
    _record_change(vm)
    Run.delete().execute()
    Vm.delete().execute()
    (moment,) = history_of(vm.service_id)
    assert moment.what == "change-package"


def test_what_an_audit_row_changed() -> None:
    assert in_words("server", {"port": 1}, {"port": 2}) == "port 1 -> 2"
    assert in_words("vm", {"vm_status": "ready"}, {"vm_status": "creation"}) == "vm_status ready -> creation"
    assert in_words("vm", {"vm_status": "ready"}, {}) == ""
    assert in_words("client", {"name": "A"}, {}) == "name A -> —"
    assert (
        in_words("vm", {}, {"address": "192.0.2.1", "rdns": "b", "was": "a"})
        == "address 192.0.2.1, rdns a -> b"
    )
    assert circumstances("vm", {"vm_status": "ready"}) == {"vm_status": "ready"}
    assert circumstances("server", {"port": 1}) == {}
    assert [each.name for each in changed("product", {"network.vlan": 1}, {"network.vlan": 1})] == []
    assert in_words("product", {}, {str(n): n for n in range(9)}).endswith(" and 3 more")


def test_times_in_the_audit_are_dates() -> None:
    created = in_words("token", {}, {"role": "operator", "expires_at": 1799450430117, "uses_at": 5})
    assert created == "role operator, expires_at 2027-01-08 23:20:30 UTC, uses_at 5"
