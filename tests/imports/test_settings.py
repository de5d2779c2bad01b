"""What WHMCS and the module write, and what is understood of it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.forms import ClientForm
from engine.imports.whmcs.clients import ClientPlanner
from engine.imports.whmcs.languages import CODES
from engine.imports.whmcs.options import first_template, read_options
from engine.imports.whmcs.plan import ShopPlan
from engine.imports.whmcs.schedules import read_schedule
from engine.imports.whmcs.settings import read_settings
from engine.imports.whmcs.shop import Shop, ShopClient, ShopOption, ShopService, ShopVm
from engine.mail.languages import SHIPPED
from engine.plan import Plan
from engine.store.models import Client
from tests.conftest import Store


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ('{"cpu": "4", "ram": 2.5}', {"cores": 4, "memory": 2560}),
        ("{&quot;cpu&quot;:&quot;4&quot;}", {"cores": 4}),
        ('{"vm": {"ram": "8 GB"}, "network": {"bandwidth": "12", "auto_bridge_vlan": false}}',
         {"memory": 8192, "network": {"bandwidth": 12, "auto_bridge": False}}),
        ("cpu=2&system_disk[space]=40&system_disk[iops_read]=500",
         {"cores": 2, "system_disk": {"size": 40, "iops_rd": 500}}),
        ("CPU: 2\nMain domain: .example.com\nSnapshot lifetime: 864000", {"cores": 2, "main_domain": "example.com",
                                                                       "snapshot_lifetime": 10}),
        ('{"os_template": "pve1|9000", "clone_type": "Linked Clone", "target_node": "automatically"}',
         {"template": 9000, "clone": "linked", "target_node": "auto"}),
        ('{"storage": {"backups_storage": "pbs|pbs"}, "permissions": {"novnc": "", "rev_dns": "on"}}',
         {"backup_storage": "pbs", "permissions": {"console": False, "rdns": True}}),
        ('{"email": {"vm_is_ready": "None", "reset_password": "Reset"}}',
         {"emails": {"ready": False, "password": True}}),
        ('{"vm_name_prefix": "vps", "network_model": "Intel E1000"}',
         {"name_rule": "vps-{client_id}-{service_id}", "network": {"model": "e1000"}}),
    ],
)  # fmt: skip
def test_settings_that_are_named(text: str, values: dict[str, Any]) -> None:
    read = read_settings({7: text}, {})
    assert (read.values, read.unknown) == (values, [])


@pytest.mark.parametrize(
    "text", ["Pve-waw2", "8", "local|dir", "https://host:8083", "[1,2]", "vmbr0|10|x", "a: b"]
)
def test_a_value_without_a_name_is_not_guessed_at(text: str) -> None:
    read = read_settings({7: text}, {})
    assert (read.values, read.unknown) == ({}, ["configoption7"])


def test_an_operator_says_what_a_number_is() -> None:
    read = read_settings({3: "Pve-waw2", 5: "x"}, {3: "target_node", 5: "cores"})
    assert (read.values, read.unknown) == ({"target_node": "Pve-waw2"}, ["configoption5"])


def test_a_setting_that_is_a_secret_is_not_even_named() -> None:
    read = read_settings(
        {4: '{"license_key": "x", "novnc": {"key": "y", "api_token": "z"}, "colour": "red"}'}, {}
    )
    assert (read.values, read.unknown) == ({}, ["configoption4 colour"])


@given(st.dictionaries(st.integers(2, 24), st.text(max_size=60), max_size=3))
def test_any_settings_are_read(settings: dict[int, str]) -> None:
    read = read_settings(settings, {2: "memory", 3: "firewall.log_in"})
    assert all(each.startswith("configoption") for each in read.unknown)
    assert not read.values.keys() & {f"configoption{number}" for number in settings}


@pytest.mark.parametrize(
    ("chosen", "values", "unknown"),
    [
        ([("CPU Cores", "4|4 Cores")], {"cores": 4}, []),
        ([("RAM", "16|16 GB"), ("System Disk", "40")], {"memory": 16384, "system_disk": 40}, []),
        ([("CPU|Prozessor", "2|zwei"), ("RAM|Memory", "1|1 GB"), ("ipv6|IPv6", "4|vier")],
         {"cores": 2, "memory": 1024, "ipv6": 4}, []),
        ([("CPU Cores", "8|8"), ("CPU|Processor", "2|2")], {"cores": 8}, []),
        ([("B|Backup", "0|none"), ("S|Snapshot", "3|3"), ("Additional Disk", "0|none")],
         {"backups": 0, "snapshots": 3}, []),
        ([("OS|System", "1012|Debian"), ("System Disk Read IOPS", "500|500")],
         {"template": 1012, "system_disk_iops_rd": 500}, []),
        ([("Operating System", "debian-12|Debian")], {"template": "debian-12"}, []),
        ([("Location", "Warsaw"), ("CPU Cores", "many|many")], {}, ["Location", "CPU Cores (many|many)"]),
    ],
)  # fmt: skip
def test_configurable_options(
    chosen: list[tuple[str, str]], values: dict[str, Any], unknown: list[str]
) -> None:
    read = read_options([ShopOption(name, (), value) for name, value in chosen])
    assert (read.values, sorted(read.unknown)) == (values, sorted(unknown))


def test_the_template_of_a_product_that_names_none() -> None:
    assert (
        first_template([ShopOption("RAM", ("1|1",)), ShopOption("OS|System", ("1010|Debian", "1011|x"))])
        == 1010
    )
    assert first_template([ShopOption("RAM", ("1|1",))]) is None


def test_a_backup_schedule() -> None:
    plan = Plan(backups=2, backup_storage="pbs")
    days, minute, notes = read_schedule(
        ShopVm(schedule={"0": "07:00", "3": "03:30", "x": "1:00", "5": ""}), plan
    )
    assert (days, minute) == (("wed", "sun"), 210) and "they will all start at 03:30" in notes[0]
    assert read_schedule(ShopVm(schedule={"monday": '{"time": "4:05"}'}), plan) == (("mon",), 245, ())
    days, _, notes = read_schedule(ShopVm(schedule={"0": "07:00"}), Plan(backups=2))
    assert days == () and "not moved" in notes[0]


def planned(*clients: ShopClient) -> tuple[dict[str, Any], ShopPlan]:
    services = [
        ShopService(str(9000 + int(c.id)), c.id, "1", "1", "Active", "", "", (), (), None) for c in clients
    ]
    plan = ShopPlan()
    planner = ClientPlanner(Shop(clients={each.id: each for each in clients}, services=services), plan)
    planner.run()
    return planner.found, plan


def test_two_clients_never_become_one(sqlite_store: Store) -> None:
    Client.create(name="Jan", email="other@example.com")
    Client.create(name="Zoe Ltd", email="zoe@example.com")
    shop = [
        ShopClient("3", "Jan", "jan@example.com", ""),
        ShopClient("4", "Jan", "jan@example.com", ""),
        ShopClient("5", "Zoe", "ZOE@example.com", "german"),
        ShopClient("6", "Zoe Two", "zoe2@example.com", "klingon"),
    ]
    found, plan = planned(*shop)
    assert found == {"3": "Jan (3)", "4": "Jan (4)", "5": "Zoe Ltd", "6": "Zoe Two"}
    assert [each["name"] for each in plan.manifest["clients"]] == ["Jan (3)", "Jan (4)", "Zoe Two"]
    for values in plan.manifest["clients"]:
        Client.create(**ClientForm(**values).model_dump())
    again, plan = planned(*shop)
    assert again == found and plan.manifest["clients"] == []


def test_every_language_of_the_module_has_its_mails() -> None:
    shipped = {path.stem for path in SHIPPED.glob("*.toml")}
    assert set(CODES.values()) - shipped == {"pt", "pt-BR", "zh-TW"}
    assert shipped <= set(CODES.values())
