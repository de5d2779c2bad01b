"""Taking over the WHMCS module's pools: readable files, unreadable files, hostile files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.errors import Refused
from engine.imports import sheets, tables
from engine.imports.puq.importing import ImportReport, import_file
from engine.ipam import pools
from engine.store.models import Address, Audit, Pool, Server

from .conftest import MakeVm, pool_spec

LEGACY = """\
-- MySQL dump 10.19; don't stop at this quote
/*!40101 SET NAMES utf8mb4 */;
DROP TABLE IF EXISTS `puq_customization_ip_pools`;
CREATE TABLE `puq_customization_ip_pools` (
  `id` int(10) unsigned NOT NULL AUTO_INCREMENT,
  `server_id` int(11) NOT NULL DEFAULT 0 COMMENT 'it''s the server',
  `type` enum('IPv4','IPv6') NOT NULL,
  `bridge` varchar(255) NOT NULL,
  `vlan` int(11) DEFAULT NULL,
  `gateway` varchar(255) NOT NULL,
  `mask` varchar(8) NOT NULL,
  `dns1` varchar(255) DEFAULT NULL,
  `dns2` varchar(255) DEFAULT NULL,
  `address_start` varchar(255) NOT NULL,
  `address_stop` varchar(255) NOT NULL,
  PRIMARY KEY (`id`),
  KEY `server` (`server_id`,`type`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
LOCK TABLES `puq_customization_ip_pools` WRITE;
INSERT INTO `puq_customization_ip_pools` VALUES
(1,3,'IPv4','vmbr0',0,'192.0.2.1','24','8.8.8.8','1.1.1.1','192.0.2.2','192.0.2.30'),
(2,3,'IPv6','vmbr0',NULL,'2001:0db8:0000:0000:0000:0000:0000:0001','64','',NULL,'2001:db8::2','2001:db8::ffff');
UNLOCK TABLES;
CREATE TABLE `puq_customization_ip_pools_ips` (`id` int, `pool_id` int, `ip` varchar(64), `service_id` int);
INSERT INTO `puq_customization_ip_pools_ips` VALUES (1,1,'192.0.2.2',5546),(2,1,'192.0.2.3',0),(3,2,'2001:db8::7',1);
CREATE TABLE `tblactivitylog` (`id` int, `description` text);
INSERT INTO `tblactivitylog` VALUES (1,'a \\' quote; (and) more'),(2,"it's");
CREATE TABLE `tblservers` (`id` int, `name` text, `password` text);
INSERT INTO `tblservers` (`name`, `id`, `password`) VALUES ('pve1', 3, 'secret');
"""
CSV = """\
Server;Type;Bridge;VLAN;Gateway;Netmask;DNS;Start IP;End IP
pve1;IPv4;vmbr0;0;192.0.2.1;255.255.255.0;"8.8.8.8,1.1.1.1";192.0.2.2;192.0.2.30

pve1;4;vmbr1;20;198.51.100.1;/24;;198.51.100.10;198.51.100.20
"""


@pytest.fixture
def bring(tmp_path: Path) -> Callable[..., ImportReport]:
    """Writes a file and imports it."""

    def run(text: str | bytes, *, name: str = "", dry_run: bool = False, **servers: str) -> ImportReport:
        content = text.encode() if isinstance(text, str) else text
        path = tmp_path / (name or ("dump.sql" if b"INSERT" in content else "pools.csv"))
        path.write_bytes(content)
        return import_file(path, {key.lstrip("_"): value for key, value in servers.items()}, dry_run)

    return run


def state() -> Any:
    pool_rows = [row.__data__ for row in Pool.select().order_by(Pool.id)]
    return pool_rows, [row.__data__ for row in Address.select().order_by(Address.id)]


def test_a_dump_brings_pools_and_who_holds_what(make_vm: MakeVm, bring: Callable[..., ImportReport]) -> None:
    vm = make_vm()
    report = bring(LEGACY)
    assert report.lines == [
        "+ pool pve1 192.0.2.2–192.0.2.30 vmbr0 VLAN 0",
        "+ pool pve1 2001:db8::2–2001:db8::ffff vmbr0 VLAN 0",
        "+ address 192.0.2.2 reserved (imported: service 5546)",
        "+ address 2001:db8::7 of service 1",
    ]
    first, second = Pool.select().order_by(Pool.id)
    assert (first.mask, first.dns1, first.dns2, first.gateway) == (24, "8.8.8.8", "1.1.1.1", "192.0.2.1")
    assert (second.type, second.gateway, second.vlan) == ("IPv6", "2001:db8::1", 0)
    assert [(str(h.address), h.service_id) for h in pools.who_has(second)] == [("2001:db8::7", vm.service_id)]
    assert "server = server_id" in report.mapping[0]
    assert Audit.select().where(Audit.action == "import").count() == 1

    before = state()
    again = bring(LEGACY)
    assert again.changed == 0
    assert {line[0] for line in again.lines} == {"="}
    assert state() == before
    assert Audit.select().where(Audit.action == "import").count() == 1


def test_a_vm_made_later_gets_what_was_kept_for_it(
    make_vm: MakeVm, bring: Callable[..., ImportReport]
) -> None:
    dump = LEGACY.replace("5546", "1").replace("'2001:db8::7',1", "'2001:db8::7',0")
    bring(dump)
    vm = make_vm()
    assert bring(dump).lines[2] == "+ address 192.0.2.2 of service 1"
    assert Address.get(Address.vm == vm.id).state == "assigned"


def test_a_dry_run_says_the_same_and_changes_nothing(
    server: Server, bring: Callable[..., ImportReport]
) -> None:
    before = state()
    planned = bring(LEGACY, dry_run=True)
    assert state() == before
    assert Audit.select().where(Audit.action == "import").count() == 0
    assert bring(LEGACY).lines == planned.lines


def test_csv_in_another_tongue(server: Server, bring: Callable[..., ImportReport]) -> None:
    report = bring("﻿" + CSV)
    assert report.changed == 2
    first, second = Pool.select().order_by(Pool.id)
    assert (first.mask, first.dns1, first.dns2) == (24, "8.8.8.8", "1.1.1.1")
    assert (second.bridge, second.vlan, second.mask, str(second.stop)) == ("vmbr1", 20, 24, "198.51.100.20")


def test_what_an_operator_changed_since_stays(server: Server, bring: Callable[..., ImportReport]) -> None:
    bring(CSV)
    pool = Pool.get(Pool.bridge == "vmbr1")
    pools.update_pool(
        pool,
        pool_spec(
            bridge="vmbr1", vlan=21, gateway="198.51.100.1", start="198.51.100.10", stop="198.51.100.20"
        ),
    )
    report = bring(CSV)
    assert report.changed == 0
    assert report.lines[1].endswith("(kept as it is here: vlan differ)")
    assert Pool.get_by_id(pool.id).vlan == 21


def test_servers_are_found_by_map_name_or_number(server: Server, bring: Callable[..., ImportReport]) -> None:
    bare = LEGACY[: LEGACY.index("CREATE TABLE `tblservers`")]
    with pytest.raises(
        Refused, match=r"dump.sql:21: its server '3' is not here; make it, or say --server-map 3=NAME"
    ):
        bring(bare)
    assert bring(bare, _3="pve1").changed == 4


def test_the_newer_tables_win_over_the_older(server: Server, bring: Callable[..., ImportReport]) -> None:
    newer = (
        "CREATE TABLE puq_proxmox_kvm_ip_pools (id int, server text, bridge text, vlan int, gateway text,"
        " mask int, start text, stop text);\n"
        "INSERT INTO puq_proxmox_kvm_ip_pools VALUES\n"
        "(9,'pve1','vmbr2',0,'203.0.113.1',24,'203.0.113.2','203.0.113.9');\n"
    )
    report = bring(LEGACY + newer)
    assert [row.bridge for row in Pool.select()] == ["vmbr2"]
    assert "puq_customization_ip_pools was not used: the newer table is in the file" in report.notes


def test_servers_may_be_linked_by_a_table_of_their_own(
    server: Server, bring: Callable[..., ImportReport]
) -> None:
    dump = (
        "INSERT INTO db.puq_kvm_ip_pools (id, bridge, gateway, mask, start, stop) VALUES\n"
        "(1,'vmbr0','192.0.2.1',24,'192.0.2.2','192.0.2.9'),\n"
        "(2,'vmbr1','192.0.2.1',24,'192.0.2.20','192.0.2.29');\n"
        "INSERT INTO `db`.`puq_kvm_ip_pool_servers` (pool_id, server_id) VALUES (1,7),(2,7);\n"
    )
    assert bring(dump, _7="pve1").changed == 2
    with pytest.raises(Refused, match=r"dump.sql:3: it is on the servers 7, 8"):
        bring(dump.replace("(2,7)", "(2,7),(2,8)"), _7="pve1")


def test_every_fault_is_listed_with_its_line_and_nothing_stays(
    make_vm: MakeVm, bring: Callable[..., ImportReport]
) -> None:
    make_vm()
    text = (
        "server,bridge,vlan,gateway,mask,start,stop\n"
        "pve1,vmbr0,0,192.0.2.1,24,192.0.2.2,192.0.2.30\n"
        "pve1,vmbr0,0,192.0.2.1,24,192.0.2.30,192.0.2.40\n"
        'pve1,"vmbr\n0",0,192.0.2.1,24,192.0.2.50,192.0.2.60\n'
        "pve1,vmbr3,x,192.0.2.1,24,192.0.2.50,192.0.2.60\n"
        "pve1,vmbr4,0,192.0.2.1,99,192.0.2.50,192.0.2.60\n"
        "pve1,vmbr5,0,,24,192.0.2.50,192.0.2.60\n"
        "pve1,vmbr5,0,192.0.2.1,24,192.0.2.70,nowhere\n"
        "pve9,vmbr5,0,192.0.2.1,24,192.0.2.80,192.0.2.90\n"
    )
    before = state()
    with pytest.raises(Refused) as caught:
        bring(text)
    shown = caught.value.sentence.splitlines()
    numbers = [int(line.partition("pools.csv:")[2].partition(":")[0]) for line in shown[:-1]]
    assert numbers == [3, 4, 6, 7, 8, 9, 10]
    assert "overlaps Pool" in shown[0]
    assert shown[-1] == "Nothing was imported."
    assert state() == before


def test_addresses_that_cannot_be_are_faults(make_vm: MakeVm, bring: Callable[..., ImportReport]) -> None:
    make_vm()
    make_vm()
    rows = (
        "(1,9,'192.0.2.2',1),(1,1,'192.0.3.2',1),(1,1,'192.0.2.1',1),"
        "(1,1,'192.0.2.4',1),(1,1,'192.0.2.4',2),(1,1,'x',5)"
    )
    dump = LEGACY.replace("(1,1,'192.0.2.2',5546),(2,1,'192.0.2.3',0),(3,2,'2001:db8::7',1)", rows)
    with pytest.raises(Refused) as caught:
        bring(dump)
    sentences = caught.value.sentence.splitlines()
    for sentence, why in zip(
        sentences,
        [
            "pool 9 of",
            "No pool and no line",
            "No pool and no line",
            "is not free: 192.0.2.4 (service 1",
            "'x' is not",
        ],
        strict=False,
    ):
        assert why in sentence
        assert "dump.sql:25: " in sentence


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "is empty"),
        ("name,colour\na,b\n", "no pool table"),
        (
            "server,bridge,vlan,gateway,mask,start\npve1,vmbr0,0,a,b,c\n",
            "lacks a column for stop; it has server",
        ),
        (
            "server,bridge,gateway,mask,start,stop\npve1,vmbr0\n",
            "line 2: the row has 2 values for the 6 columns",
        ),
        (
            'server,bridge,gateway,mask,start,stop\n"pve1"x,vmbr0,a,b,c,d\n',
            "line 2: this is not well-formed CSV",
        ),
        ('server,bridge,gateway,mask,start,stop\n"pve1,vmbr0,a,b,c,d\n', "not well-formed CSV"),
        (f'a,b\n"{"x" * 200_000}",b\n', "line 2: this is not well-formed CSV"),
        (b"s\0e\0r\0v\0e\0r\0", "not a plain text file"),
        ("INSERT INTO puq_ip_pools VALUES (1,2);", "line 1: the columns of puq_ip_pools are not named"),
        (
            "INSERT INTO puq_ip_pools (a,b) VALUES (1,2),(1,'x",
            "line 1: a quote opens here and is never closed",
        ),
        ("INSERT INTO puq_ip_pools (a,b) VALUES (1,2),\n(1,", "line 2: the file ends inside a statement"),
        ("INSERT INTO puq_ip_pools (a,b) VALUES (1,2),\n(1;", "line 2: a row ends in the middle"),
        (
            "INSERT INTO puq_ip_pools (a,b) VALUES (1,2),\n(1);",
            "line 2: the row has 1 values for the 2 columns",
        ),
        ("INSERT INTO puq_ip_pools (a,b) SELECT 1,2;", "rows are read from VALUES only"),
        (
            "INSERT INTO puq_ip_pools (a,b) VALUES (1,2);",
            "lacks a column for bridge, gateway, mask, start, stop",
        ),
        ("INSERT INTO other VALUES ('", "line 1: a quote opens here"),
        ("CREATE TABLE puq_ip_pools (a int", "ends inside a statement"),
    ],
)
def test_what_cannot_be_understood_is_refused(
    sqlite_store: Any, bring: Callable[..., ImportReport], text: str | bytes, why: str
) -> None:
    with pytest.raises(Refused) as caught:
        bring(text)
    assert why in caught.value.sentence


def test_missing_and_oversized_files(
    sqlite_store: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(Refused, match="cannot be read: No such file"):
        import_file(tmp_path / "none.sql", {}, False)
    with pytest.raises(Refused, match="cannot be read: Is a directory"):
        import_file(tmp_path, {}, False)
    big = tmp_path / "big.csv"
    big.write_text("server,bridge\n" + "pve1,vmbr0\n" * 20)
    monkeypatch.setattr(sheets, "MOST_BYTES", 100)
    with pytest.raises(Refused, match="larger than 0 MiB"):
        import_file(big, {}, False)
    monkeypatch.setattr(tables, "MOST_ROWS", 2)
    with pytest.raises(Refused, match="line 4: big has more than 2 rows"):
        sheets.read_csv("a\n1\n2\n3\n", "big")
