"""A shop moves from WHMCS by the command line: plan, manifest, list, apply; and again, which changes nothing."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from engine.proxmox.mark import bears_mark
from tests.imports.conftest import DUMP, MARK, ShopSite
from tests.journeys.pseudo_terminal import Console

SECRET = "GEHEIM"


def tick(file: Path, *services: int) -> None:
    lines = file.read_text().splitlines()
    marked = [
        line.replace("[ ]", "[x]") if line.startswith(tuple(f"[ ] {n} " for n in services)) else line
        for line in lines
    ]
    file.write_text("\n".join(marked))


def changes_on_cluster(shop: ShopSite) -> list[tuple[str, str]]:
    return [(method, path) for method, path, _ in shop.lab.requests.entries if method != "GET"]


def test_a_shop_moves_and_a_second_run_changes_nothing(shop: ShopSite, tmp_path: Path) -> None:
    manifest, ticks, sent = tmp_path / "shop.yaml", tmp_path / "vms.txt", len(changes_on_cluster(shop))
    planned = shop.move("--manifest", str(manifest), "--adoptions", str(ticks))
    assert planned.exit == 0, planned.stderr
    assert "+ service 5546: adopt VM 2001 (5546-1776530141.example.com) on pve-lab" in planned.stdout
    assert shop.json("client", "list") == shop.json("pool", "list") == shop.json("service", "list") == []
    tried = shop.run("apply", str(manifest), "--dry-run")
    assert tried.exit == 2 and "products[1].template: is missing" in tried.stderr, (
        "the incomplete product is named"
    )

    tick(ticks, 5546, 5547)
    done = shop.move("--adoptions", str(ticks), "--apply", "--wait=60")
    assert done.exit == 0, done.stderr
    assert "6 pools, products and clients made or changed, 2 VMs adopted" in done.stderr
    assert "1 left" in done.stderr
    vms = {row["service_id"]: row for row in shop.json("vm", "list")}
    assert vms.keys() == {5546, 5547}
    first = vms[5546]
    assert (first["vmid"], first["name"], first["vm_status"], first["service_status"]) == (
        2001, "5546-1776530141", "ready", "Active",
    )  # fmt: skip
    assert [(each["address"], each["rdns"]) for each in first["ips"]] == [
        ("192.168.130.2", "mail.example.com"),
        ("192.168.130.3", "5546-1776530141.example.com"),
    ]
    assert (first["client"], first["product"]) == ("M&M <b>GmbH</b>", 'VPS "S"')
    service = next(row for row in shop.json("service", "list") if row["id"] == 5546)
    assert service["external_ref"] == "5546"
    options = {"cores": 4, "memory": 4096, "backups": 2, "snapshots": 3, "template": 9000, "ipv4": 2}
    assert service["options"] == options
    pending = {each["field"] for each in shop.json("service", "change-package", "5546", "--plan")}
    assert "network.ipv4" not in pending, "an address that no option names is kept"
    assert vms[5547]["service_status"] == "Suspended"
    started = shop.run("vm", "start", "5547")
    assert started.exit == 2 and "suspended (Overdue & unpaid)" in started.stderr

    touched = {path.split("/")[-2] for _, path in changes_on_cluster(shop)[sent:]}
    assert touched == {"2001", "2002"}
    assert {method for method, _ in changes_on_cluster(shop)[sent:]} == {"PUT"}
    assert bears_mark(shop.config(2001)["description"]) and not bears_mark(shop.config(2010)["description"])
    assert shop.config(2005)["description"] == MARK
    assert shop.lab.guest(2002).status == "stopped"

    backups = shop.json("vm", "backup", "schedule", "5546")
    assert (backups["days"], backups["at"]) == (["mon", "thu", "sun"], "03:00")
    sent = len(changes_on_cluster(shop))
    again = shop.move("--adoptions", str(ticks), "--apply", "--wait=60")
    assert again.exit == 0, again.stderr
    assert "0 pools, products and clients made or changed, 0 VMs adopted, 2 adopted before" in again.stderr
    assert "= service 5546: VM 2001 on pve-lab is adopted already" in again.stdout
    assert len(changes_on_cluster(shop)) == sent
    assert shop.run("db", "check").stdout.startswith("All is well")

    pool = next(row for row in shop.json("pool", "list") if row["type"] == "IPv4")
    held = {each["address"]: each for each in shop.json("pool", "show", str(pool["id"]))["addresses"]}
    assert held["192.168.130.6"]["state"] == "reserved", "an address of a service that stays is not free"
    assert held["192.168.130.4"]["service_id"] == 5547
    assert held["192.168.130.6"]["name"] == "imported: service 5551"
    assert pool["used"] == len(held) == 11


def test_what_cannot_be_moved_is_reported_with_its_reason(shop: ShopSite) -> None:
    plan = json.loads(shop.move("--json").stdout)
    assert plan["applied"] is False
    said = {(line["group"], line["name"]): (line["sign"], line["text"]) for line in plan["lines"]}
    refused = {
        "5548": "the module has it at 'cp_firewall'",
        "5551": "VM 2099 not found on any node",
        "5552": "carries the mark of another site",
        "5553": "VM 2006 is called 'another' on the cluster, and the service's VM is called '7-5553'",
        "5554": "Cloud-init gives VM 2007 192.168.130.99, and the service has 192.168.130.9",
        "5555": "its client cannot be created: email: 'not a mail' is not an e-mail address",
        "5556": "its product 'VPS old' cannot be made: template is missing",
    }
    for service, why in refused.items():
        sign, text = said["service", f"service {service}"]
        assert sign == "!" and why in text
    assert said["service", "service 5550"] == (
        "-",
        "is Pending in WHMCS and has no VM to adopt; order it again",
    )
    assert said["option", "Control panel <i>"] == ("?", "1 service; not moved")
    assert said["pool", "pve-lab 192.168.130.20 to 192.168.130.40"][0] == "!"
    assert (
        said["client", "M&M <b>GmbH</b>"][1]
        == "jo@example.com, de; another client has the same e-mail address"
    )
    assert said["product", 'VPS "S"'][1] == "settings: configoption2 novnc_domain, configoption4"
    assert said["other", "1 service"] == ("-", "Terminated in WHMCS")
    assert said["other", "table puqProxmoxKVM_statistics"] == ("?", "is not read")
    assert plan["counts"]["service"] == {"to be made": 3, "cannot be moved": 7, "not moved": 1}
    ready = {each["service"] for each in plan["adoptions"] if each["why"] is None}
    assert ready == {5546, 5547, 5557}
    assert "web" not in json.dumps(plan).lower(), "other modules' services are not looked at"


def test_secrets_are_never_shown_or_kept(shop: ShopSite, tmp_path: Path) -> None:
    assert DUMP.read_text().count(SECRET) > 20
    manifest, ticks = tmp_path / "shop.yaml", tmp_path / "vms.txt"
    outputs = [shop.move("--manifest", str(manifest), "--adoptions", str(ticks)), shop.move("--json")]
    tick(ticks, 5546)
    outputs.append(shop.move("--adoptions", str(ticks), "--apply", "--wait=60", "--json"))
    assert outputs[-1].exit == 0
    kept = [manifest.read_bytes(), ticks.read_bytes()]
    kept += [file.read_bytes() for file in shop.home.rglob("*") if file.is_file()]
    assert not any(SECRET.encode() in content for content in kept)
    assert not any(SECRET in each.stdout + each.stderr for each in outputs)
    document = json.loads(outputs[-1].stdout)
    assert [each["state"] for each in document["requests"]] == ["done"]
    assert document["applied"] is True and len(document["made"]) == 6


def test_ticked_lines_that_are_wrong_are_refused_and_the_rest_is_adopted(
    shop: ShopSite, tmp_path: Path
) -> None:
    ticks = tmp_path / "vms.txt"
    shop.move("--adoptions", str(ticks))
    text = ticks.read_text().replace("vmid 2001", "vmid 2010").replace("[ ]", "[x]")
    text += (
        "[x] 5552 vmid 2005 pve-lab 7-5552\n[x] 9999 vmid 2005 pve-lab 7-5552\n[ ] 5551 vmid 2099 pve-lab x\n"
    )
    ticks.write_text(text)
    done = shop.move("--adoptions", str(ticks), "--apply", "--wait=60")
    assert done.exit == 1
    lines = done.stdout.splitlines()
    assert (
        "! service 5546 the list has VM 2010 on pve-lab, and WHMCS has VM 2001 on pve-lab. Write the list again."
        in lines
    )
    assert "! service 9999 is not a service of this shop with a VM to adopt" in lines
    assert any(
        line.startswith("! service 5552 VM 2005 on pve-lab: VM 2005 carries the mark") for line in lines
    )
    assert {row["service_id"] for row in shop.json("vm", "list")} == {5547, 5557}
    assert not bears_mark(shop.config(2001)["description"])


def test_a_vm_that_changes_between_the_list_and_the_adoption(shop: ShopSite, tmp_path: Path) -> None:
    ticks = tmp_path / "vms.txt"
    shop.move("--adoptions", str(ticks))
    tick(ticks, 5557)
    shop.lab.foreign_rename(2010, "9-5557.moved.example")
    done = shop.move("--adoptions", str(ticks), "--apply")
    assert done.exit == 1
    assert "the list has the name '9-5557', and VM 2010 is called '9-5557.moved.example'" in done.stdout
    assert shop.json("vm", "list") == []


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("[x] 5546 vmid\n", "vms.txt:1: a line reads [ ] SERVICE vmid NUMBER SERVER NAME"),
        ("[x] 1 vmid 2 a b\n# c\n[ ] 1 vmid 2 a b\n", "vms.txt:3: service 1 is listed twice"),
        ("hello", "vms.txt:1: a line reads"),
        ("\udcff", "is not text in UTF-8"),
    ],
)
def test_a_list_that_cannot_be_read(shop: ShopSite, tmp_path: Path, content: str, why: str) -> None:
    ticks = tmp_path / "vms.txt"
    ticks.write_bytes(content.encode(errors="surrogateescape"))
    ran = shop.move("--adoptions", str(ticks), "--apply")
    assert ran.exit == 2 and why in ran.stderr and ran.stdout == ""
    assert shop.json("client", "list") == []


def test_an_address_that_a_vm_here_has(shop: ShopSite, tmp_path: Path) -> None:
    file = tmp_path / "more.yaml"
    file.write_text(
        "pools:\n  - {server: pve-lab, type: IPv4, bridge: vmbr0, gateway: 192.168.130.1, mask: 24,"
        " start: 192.168.130.2, stop: 192.168.130.30}\n"
        "products:\n  - {name: Other, server: pve-lab, template: 9000}\n"
        "clients:\n  - {name: Jo, email: jo2@example.com}\n"
    )
    assert shop.run("apply", str(file)).exit == 0
    shop.vm(2050, "taken", "192.168.130.12")
    adopted = shop.run(
        "service", "adopt", "2050", "--id", "4000", "--server", "pve-lab", "--client", "Jo", "--product", "Other",
        "--confirm", "taken", "--wait=60",
    )  # fmt: skip
    assert adopted.exit == 0, adopted.stderr
    ticks = tmp_path / "vms.txt"
    plan = shop.move("--adoptions", str(ticks))
    assert (
        "! service 5557: VM 2010 on pve-lab: The guest has an address that another VM holds here"
        in plan.stdout
    )
    done = shop.move("--adoptions", str(ticks), "--apply")
    assert "! 192.168.130.12 of service 5557 service 4000 has it here" in done.stdout
    assert done.exit == 1


def test_an_adoption_that_came_to_nothing_can_be_repeated(shop: ShopSite, tmp_path: Path) -> None:
    ticks = tmp_path / "vms.txt"
    shop.move("--adoptions", str(ticks))
    tick(ticks, 5557)
    assert shop.move("--adoptions", str(ticks), "--apply").exit == 0
    shop.lab.foreign_config(2010, cores=7)  # between the look and the marking
    shop.run("cron", "--task=processVirtualMachines")
    stuck = shop.move("--adoptions", str(ticks), "--apply")
    assert stuck.exit == 1 and "an earlier adoption ended: VM 2010 was not taken over" in stuck.stdout
    assert shop.run("vm", "delete-record", "5557", "--yes").exit == 0
    assert "service 5557 is here without a VM. Delete it" in shop.move().stdout
    assert shop.run("service", "delete", "5557", "--yes").exit == 0
    assert shop.move("--adoptions", str(ticks), "--apply", "--wait=60").exit == 0
    assert bears_mark(shop.config(2010)["description"]) and shop.config(2010)["cores"] == 7


def test_products_and_settings_an_operator_names(shop: ShopSite, tmp_path: Path) -> None:
    file = tmp_path / "more.yaml"
    file.write_text("products:\n  - {name: VPS-9, server: pve-lab, template: 9000}\n")
    assert shop.run("apply", str(file)).exit == 0
    named = shop.move("--product-map", "VPS old=VPS-9")
    assert "= VPS old: is VPS-9 here" in named.stdout
    assert "+ service 5556: adopt VM 2009 (7-5556) on pve-lab for M&M <b>GmbH</b> as VPS-9" in named.stdout
    settings = shop.move("--setting", "2=cores", "--setting", "3=target_node", "--setting", "4=template")
    assert "configoption2 " not in settings.stdout and "settings: configoption3" not in settings.stdout
    for wrong, why in (
        (("--product-map", "VPS old=none"), "--product-map: there is no product 'none'"),
        (("--server-map", "3=none"), "--server-map: there is no server 'none'"),
        (("--server-map", "3"), "--server-map takes OLD=NAME"),
        (("--setting", "1=cores"), "configoption1 is the licence key and is not read"),
        (("--setting", "3=colour"), "there is no field 'colour'; fields are"),
        (("--csv", "."), "Give either --db-dump FILE or --csv DIR"),
        (("--apply", "--adoptions", "none.txt"), "List none.txt not found"),
    ):
        ran = shop.move(*wrong)
        assert ran.exit == 2 and why in ran.stderr, wrong


def test_a_server_that_is_not_here(shop: ShopSite, tmp_path: Path) -> None:
    dump = tmp_path / "dump.sql.gz"
    dump.write_bytes(gzip.compress(DUMP.read_bytes().replace(b"'127.0.0.1','vmbr0", b"'192.0.2.1','vmbr0")))
    plan = shop.move(dump=dump)
    assert (
        "! Proxmox Warsaw: is not here. Add it with kvmtui server add, or say --server-map 3=NAME"
        in plan.stdout
    )
    assert (
        "+ service" not in plan.stdout
        and "! service 5546: its server 'Proxmox Warsaw' is not here" in plan.stdout
    )
    assert "+ service 5546" in shop.move("--server-map", "Proxmox Warsaw=pve-lab", dump=dump).stdout


def test_what_two_services_have_is_given_to_neither(shop: ShopSite, tmp_path: Path) -> None:
    text = DUMP.read_text().replace("'192.168.130.4','')", "'192.168.130.12','')")
    text = text.replace("(5546,2001", "(5546,2003").replace(
        "(5549,NULL,'','remove'", "(5549,2004,'','error_terminate'"
    )
    text = text.replace(
        "5.00,'Terminated','','','','','',''", "5.00,'Terminated','','','','','192.168.130.25',''"
    )
    dump = tmp_path / "dump.sql"
    dump.write_text(text)
    not_gone = "is Terminated in WHMCS, and the module has its VM at 'error_terminate'"
    lines = shop.move(dump=dump).stdout.splitlines()
    assert f"  - service 5549: {not_gone}; its addresses are not given away" in lines
    assert "  ! service 5546: several services have VM 2003 on pve-lab" in lines
    for service in (5547, 5557):
        why = "several services have the address 192.168.130.12. Correct it in WHMCS"
        assert f"  ! service {service}: {why}" in lines
    assert shop.move("--apply", dump=dump).exit == 0
    pool = shop.json("pool", "show", "192.168.130.2")
    held = {each["address"]: each["name"] for each in pool["addresses"]}
    assert held["192.168.130.25"] == "imported: service 5549"


def test_a_vm_with_dhcp_takes_no_address(shop: ShopSite) -> None:
    shop.lab.foreign_config(2010, ipconfig0="ip=dhcp,ip6=dhcp")
    plan = json.loads(shop.move("--json").stdout)
    assert next(each["why"] for each in plan["adoptions"] if each["service"] == 5557) is None


def test_without_a_list_or_a_terminal_no_vm_is_adopted(shop: ShopSite) -> None:
    refused = shop.run("--read-only", "import", "whmcs", "--db-dump", str(DUMP), "--apply")
    assert refused.exit == 2 and shop.json("client", "list") == []
    assert shop.move("--apply", "--dry-run").exit == 0 and shop.json("client", "list") == []
    done = shop.move("--apply")
    assert done.exit == 0 and "No VM is adopted: give a list with --adoptions FILE" in done.stderr
    assert len(shop.json("client", "list")) == 3 and shop.json("vm", "list") == []


def test_each_vm_is_asked_for_by_its_name(shop: ShopSite) -> None:
    console = Console(shop.home, "import", "whmcs", "--db-dump", str(DUMP), "--apply", "--wait=60")
    try:
        for name, answer in (("5546-1776530141.example.com", b"same"), ("7-5547", b""), ("9-5557", b"wrong")):
            console.until(f"Type {name} to continue, or press enter to skip:")
            console.press((name.encode() if answer == b"same" else answer) + b"\n")
        assert console.ended() == 1
    finally:
        console.close()
    assert b"VM 2010 is called '9-5557', not 'wrong'" in console.screen.replace(b"\r\n", b"")
    assert [row["service_id"] for row in shop.json("vm", "list")] == [5546]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "has no table tblclients, tblproducts, tblhosting. Dump the tables"),
        ("INSERT INTO tblhosting (id) VALUES (1);", "has no table tblclients, tblproducts."),
        ("INSERT INTO tblhosting (id) VALUES (1", "the file ends inside a statement"),
        ("CREATE TABLE `posts` (`id` int);", "has no table tblclients"),
    ],
)
def test_a_dump_that_is_no_shop(shop: ShopSite, tmp_path: Path, text: str, why: str) -> None:
    dump = tmp_path / "dump.sql"
    dump.write_text(text)
    ran = shop.move(dump=dump)
    assert ran.exit == 2 and why in ran.stderr and ran.stdout == ""


def test_a_folder_of_sheets_gives_the_same_plan(shop: ShopSite, tmp_path: Path) -> None:
    folder = tmp_path / "sheets"
    folder.mkdir()
    as_sheets(folder)
    ran = shop.run("import", "whmcs", "--csv", str(folder))
    assert ran.exit == 0, ran.stderr
    expected = [line for line in shop.move().stdout.splitlines() if " table " not in line]
    assert [line for line in ran.stdout.splitlines() if " table " not in line][:-2] == expected[:-2]


def as_sheets(folder: Path) -> None:
    """The dump's tables as an administrator would export them, one file each, passwords included."""
    import csv

    from engine.imports.sql import read_sql

    with DUMP.open("rb") as stream:
        tables: Any = read_sql(stream, lambda name: True, lambda table, column: True)
    for table in tables:
        with (folder / f"{table.name}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, delimiter=";")
            writer.writerow(table.columns)
            writer.writerows(line.values for line in table.lines)
