"""The steps after the server, each pressed on a simulated cluster: template, pool, zone, product, first machine."""

from __future__ import annotations

import socket

import pytest

from engine.store.models import Client, Pool, Product, Service, Vm, Zone
from kvmtui.lab import Lab
from screens.common.memory import Memory
from screens.widgets.dialogs import Choose, Notice, PlanDialog
from screens.widgets.log import LogPane
from tests.screens.console_site import console, place, settle
from tests.screens.pressing import until
from tests.screens.wizard_site import (
    add_pool,
    add_product,
    add_server,
    form,
    lab,
    no_dialog,
    page,
    press,
    save,
    shown_messages,
    step,
)

__all__ = ["lab"]

pytestmark = pytest.mark.usefixtures("sqlite_store")


async def test_a_template_is_chosen_and_remembered(lab: Lab) -> None:
    add_server(lab, last_ok_at=1)
    memory = Memory()
    async with console(memory=memory).run_test(size=(80, 24)) as pilot:
        await press(pilot, "F")
        assert step(pilot) == "template" and page(pilot).count("nothing") == 5
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, Choose))
        await press(pilot, "down", "enter")
        await until(pilot, lambda: no_dialog(pilot))
        await settle(pilot)
        assert step(pilot) == "pool"
        await press(pilot, "b")
        assert "Chosen: 9001" in page(pilot)
    assert memory.of("wizard")["template"] == 9001


async def test_a_template_without_a_cloud_init_drive_is_no_choice_but_a_command(lab: Lab) -> None:
    add_server(lab, last_ok_at=1)
    for vmid in (9000, 9001, 9002, 9003, 9010):
        lab.foreign_config(vmid, ide2="none,media=cdrom")
    lab.foreign_config(9001, ide2="local-lvm:vm-9001-cloudinit,media=cdrom", agent="0")
    app = console()
    async with app.run_test(size=(80, 24)) as pilot:
        await press(pilot, "F")
        assert page(pilot).count("GiB   cloud-init") == 3 and page(pilot).count("GiB   agent") == 1
        lab.foreign_config(9001, ide2="none,media=cdrom")
        await press(pilot, "ctrl+r", "y")
        assert "qm set 9000 --ide2 local-lvm:cloudinit" in app.clipboard.splitlines()
        await press(pilot, "enter")
        assert no_dialog(pilot), "there is nothing to choose: it looks again"


async def test_a_pool_is_suggested_from_the_bridge_and_judged_while_typed(lab: Lab) -> None:
    add_server(lab, last_ok_at=1)
    async with console().run_test(size=(80, 24)) as pilot:
        await press(pilot, "F", "right")
        assert "192.0.2.0/24, gateway 192.0.2.1" in page(pilot)
        opened = await form(pilot)
        values = opened.values
        assert (values["bridge"], values["gateway"], values["mask"]) == ("vmbr0", "192.0.2.1", 24)
        assert opened._questions["mask"]._hint == "Reverse zone: 2.0.192.in-addr.arpa"
        opened.fill("stop", "192.0.3.9")
        await until(pilot, lambda: bool(opened._questions["stop"]._error))
        await save(pilot, start="192.0.2.100", stop="192.0.2.120")
        assert step(pilot) == "zone"
        await press(pilot, "b")
        assert "21 of 21 are free" in page(pilot)
    assert [(str(pool.start), str(pool.stop)) for pool in Pool.select()] == [("192.0.2.100", "192.0.2.120")]


async def test_a_zone_is_added_and_its_provider_asked(lab: Lab) -> None:
    add_server(lab, last_ok_at=1)
    add_pool()
    async with console().run_test(size=(80, 24)) as pilot:
        await press(pilot, "F", "right", "right")
        assert step(pilot) == "zone" and "2.0.192.in-addr.arpa would hold" in page(pilot)
        await form(pilot)
        with socket.create_server(("127.0.0.1", 0)) as gone:
            port = gone.getsockname()[1]
        await save(
            pilot, zone="example.com", server_url=f"http://127.0.0.1:{port}", api_key="key-of-the-test"
        )
        await until(pilot, lambda: isinstance(pilot.app.screen, Notice))
        await press(pilot, "escape")
        assert step(pilot) == "product"
    assert Zone.get().name == "example.com"


# Product and service


async def test_a_product_comes_from_what_the_cluster_offers(lab: Lab) -> None:
    add_server(lab, last_ok_at=1)
    add_pool()
    memory = Memory()
    memory.keep("wizard", {"template": 9002, "skipped": ["zone"]})
    async with console(memory=memory).run_test(size=(80, 24)) as pilot:
        await press(pilot, "F")
        assert step(pilot) == "product"
        opened = await form(pilot)
        assert str(opened.values["template"]) == "9002" and opened.values["network__bridge"] == "vmbr0"
        opened.fill("system_disk__storage", "ceph")
        await until(pilot, lambda: "choose full" in opened._questions["clone"]._hint)
        await save(pilot, name="VPS-1", clone="full")
        assert step(pilot) == "service"
    spec = Product.get().spec
    assert (spec["template"], spec["clone"], spec["network"]["auto_bridge"]) == (9002, "full", True)


async def test_without_a_pool_a_product_uses_dhcp(lab: Lab) -> None:
    add_server(lab, last_ok_at=1)
    memory = Memory()
    memory.keep("wizard", {"template": 9002, "skipped": ["zone", "pool"]})
    async with console(memory=memory).run_test(size=(80, 24)) as pilot:
        await press(pilot, "F")
        assert "by DHCP" in page(pilot)
        await form(pilot)
        await save(pilot, name="VPS-1")
    assert Product.get().spec["network"]["dhcp4"] is True


async def test_the_first_vm_is_requested_after_a_preview_and_its_log_opens(lab: Lab) -> None:
    add_server(lab, last_ok_at=1)
    add_pool()
    add_product()
    memory = Memory()
    memory.keep("wizard", {"skipped": ["zone"]})
    async with console(memory=memory).run_test(size=(80, 24)) as pilot:
        await press(pilot, "F")
        assert step(pilot) == "service" and "checks passed" in page(pilot)
        await form(pilot)
        await save(pilot, name="Acme", email="ops@acme.example")
        await until(pilot, lambda: isinstance(pilot.app.screen, PlanDialog))
        words = [f"{line.sign} {line.words}" for line in pilot.app.screen._lines]  # type: ignore[attr-defined]
        assert "+ 1 IPv4 address out of 192.0.2.20 – 192.0.2.30" in words
        await press(pilot, "n")
        assert Service.select().count() == Client.select().count() == 0
        assert (await form(pilot)).values["name"] == "Acme", "what was typed is there again"
        await save(pilot)
        await pilot.press("y")
        await until(pilot, lambda: no_dialog(pilot) and step(pilot) == "ending")
        await settle(pilot)
        assert "is being deployed: creation" in page(pilot) and "DNS: skipped" in page(pilot)
        assert pilot.app.query_one(LogPane).size_now == "half"
        Vm.update(vm_status="ready", name="vps-1").execute()
        await press(pilot, "ctrl+r")
        assert "vps-1 (service 1) is ready" in page(pilot)
        await press(pilot, "enter")
        assert place(pilot).NAME == "vm"
    assert [(each.client.name, each.product.name) for each in Service.select()] == [("Acme", "VPS-1")]


async def test_a_client_who_is_there_is_chosen_and_a_product_that_went_is_a_sentence(lab: Lab) -> None:
    add_server(lab, last_ok_at=1)
    add_product()
    Client.create(name="Borealis", email="ops@borealis.example", created_at=1)
    memory = Memory()
    memory.keep("wizard", {"skipped": ["zone", "pool"]})
    async with console(memory=memory).run_test(size=(80, 24)) as pilot:
        await press(pilot, "F")
        assert step(pilot) == "service"
        opened = await form(pilot)
        assert opened.values == {"name": "Borealis", "product": "VPS-1"}
        await save(pilot)
        await until(pilot, lambda: isinstance(pilot.app.screen, PlanDialog))
        Product.delete().execute()
        await pilot.press("y")
        await until(pilot, lambda: no_dialog(pilot))
        await settle(pilot)
        assert "VPS-1" in shown_messages(pilot)[-1] and "This needs a product first" in page(pilot)
    assert Service.select().count() == 0
