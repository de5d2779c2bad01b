"""The filter of the VM list: words in every shown column, and filters by name."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from peewee import fn

from engine.errors import InvalidValue, Refused
from engine.queries import service_list
from engine.queries.totals import totals
from engine.queries.vm_groups import KINDS, groups
from engine.queries.vm_list import VmQuestion, count, counts, next_try, page
from engine.store.models import Address, Client, Service, Vm
from tests.conftest import Store
from tests.screens.console_site import NOW, fill


@pytest.fixture
def site(store: Store) -> None:
    fill()
    Vm.update(node="pve2", remote_status="stopped").where(Vm.service == 5551).execute()
    Vm.update(remote_lock="backup", due_at=NOW).where(Vm.service == 5547).execute()
    Service.update(status="Suspended").where(Service.id == 5548).execute()
    Address.update(rdns="mail.example.net").where(Address.address == ip_address("192.0.2.12")).execute()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("", [5546, 5547, 5548, 5549, 5550, 5551]),
        ("node:pve2", [5551]),
        ("pve2", [5551]),
        ("client:acme is:stuck", []),
        ("is:stuck", [5547, 5550]),
        ("is:running", [5546]),
        ("is:stopped", [5551]),
        ("is:suspended", [5548]),
        ("is:locked", [5547]),
        ("is:waiting", [5548]),
        ("product:vps-1 server:waw1 client:borealis", [5548, 5551]),
        ("product:VPS-2", []),
        ('product:"VPS-1"', [5546, 5547, 5548, 5549, 5550, 5551]),
        ('product:"VPS"', []),
        ('node:"pve2" product:"VPS-1"', [5551]),
        ('"192.0.2.11"', [5547]),
        ("ip:192.0.2.11", [5547]),
        ("ip:192.0.2.8/30", [5546, 5547]),
        ("mail.example", [5548]),
        ("suspend", [5548]),
        ("full on", [5547]),
        ("clone", [5547, 5548]),
        ('"nod:pve2"', []),
        ("fd00:", []),
    ],
)
def test_what_a_filter_finds(words: str, expected: list[int], site: None) -> None:
    question = VmQuestion(words)
    assert [view.service_id for view in page(question, 0, 50)] == expected
    assert count(question) == len(expected)


def test_groups_count_what_the_list_shows_for_them(site: None) -> None:
    Client.update(name='A & B  "C"').where(Client.id == Client.select(fn.MIN(Client.id))).execute()
    Vm.update(vm_status="remove").where(Vm.service == 5549).execute()
    for kind in KINDS:
        found = groups(kind)
        assert found and sum(each.total for each in found) == 5, kind
        assert [each.total for each in found] == sorted((each.total for each in found), reverse=True)
    pve2 = next(each for each in groups("node") if each.name == "pve2")
    assert (pve2.total, pve2.stuck, pve2.stopped) == (1, 0, 1)
    assert sum(each.stuck for each in groups("client")) == 2
    for by, each in [(kind, each) for kind in KINDS for each in groups(kind)]:
        shown = page(VmQuestion(f"{by}:{each.filter}"), 0, 50)
        assert len([view for view in shown if view.vm_status != "remove"]) == each.total


@pytest.mark.parametrize("words", ["is:odd", "ip:nowhere"])
def test_a_value_that_is_not_known_is_refused_with_those_that_are(words: str, site: None) -> None:
    with pytest.raises(Refused, match=words.partition(":")[0]):
        page(VmQuestion(words), 0, 50)


def test_a_mistyped_filter_is_refused_with_the_nearest(site: None) -> None:
    with pytest.raises(InvalidValue, match=r"nod: is not a filter .* Did you mean 'node'\? The filters are"):
        count(VmQuestion("nod:pve2"))


def test_the_oldest_error_comes_first_when_sorted_by_age(site: None) -> None:
    order = [view.service_id for view in page(VmQuestion(sort="since"), 0, 50)]
    assert order[:3] == [5547, 5550, 5548]


def test_the_counts_above_the_list(site: None) -> None:
    found = counts()
    assert (found.total, found.stuck, found.stopped, found.suspended, found.waiting) == (6, 2, 1, 1, 1)
    assert next_try(5547) == NOW and next_try(9999) is None


def test_the_tabs_count_what_the_lists_hold(site: None) -> None:
    lengths = {"vms": 6, "services": 6, "pools": 0, "clients": 3, "servers": 1, "zones": 0, "products": 2}
    assert totals() == lengths
    assert totals()["vms"] == counts().total == count(VmQuestion())
    assert totals()["services"] == service_list.count(service_list.ServiceQuestion())
