"""What a product asks for that its server cannot give, said when it is saved."""

from __future__ import annotations

from typing import Any

import pytest

from engine.clock import now_ms
from engine.queries.product_warnings import product_warnings
from engine.store.models import Server
from kvmtui.lab import InjectedFault
from tests.pipelines.conftest import Site, site

__all__ = ["site"]


@pytest.fixture(autouse=True)
def answered(site: Site) -> None:
    Server.update(last_ok_at=now_ms()).execute()
    site.lab.add_storage("files")
    site.lab.add_storage("thick", type="lvm")


def warnings(site: Site, **changes: Any) -> str:
    return "\n".join(product_warnings(site.product(**changes).name))


def test_a_product_its_server_can_make_has_none(site: Site) -> None:
    assert warnings(site, snapshots=2, backup_storage="backup", iso_storage="iso") == ""


@pytest.mark.parametrize(
    ("part", "value", "said"),
    [
        ("system_disk", {"storage": "fast"}, "System disk: No node that is online shows a storage fast."),
        (
            "additional_disk",
            {"storage": "bulk", "size": 5},
            "Additional disk: No node that is online shows a storage bulk.",
        ),
        ("backup_storage", "iso", "Backups: Storage iso does not take backup."),
        ("iso_storage", "nowhere", "ISO images: No node that is online shows a storage nowhere."),
    ],
)
def test_a_storage_that_is_not_there_is_named(site: Site, part: str, value: Any, said: str) -> None:
    assert said in warnings(site, **{part: value})


def test_the_storage_of_an_additional_disk_of_size_0_does_not_matter(site: Site) -> None:
    assert warnings(site, additional_disk={"storage": "bulk", "size": 0}) == ""


@pytest.mark.parametrize(
    ("disk", "possible"), [("files", True), ("ceph", True), ("thick", False), ("local-lvm", True)]
)
def test_a_disk_that_cannot_be_snapshotted_is_named(site: Site, disk: str, possible: bool) -> None:
    spec = {"additional_disk": {"storage": disk, "size": 5}}
    assert ("cannot be snapshotted" not in warnings(site, snapshots=1, **spec)) == possible
    assert warnings(site, snapshots=0, **spec) == ""


def test_a_linked_clone_of_a_raw_file_cannot_be_snapshotted(site: Site) -> None:
    site.lab.foreign_config(9000, scsi0="files:9000/base-9000-disk-0.raw,size=3G")
    said = warnings(site, clone="linked", snapshots=1, system_disk={}, additional_disk={})
    assert "linked clone of a raw file" in said
    assert warnings(site, clone="full", snapshots=1, system_disk={}, additional_disk={}) == ""


def test_a_server_that_never_answered_is_not_asked(site: Site) -> None:
    Server.update(last_ok_at=None).execute()
    site.lab.requests.clear()
    assert warnings(site, system_disk={"storage": "fast"}) == "" and site.lab.requests.count == 0


def test_a_server_that_does_not_answer_now_is_reported_to_be_unchecked(site: Site) -> None:
    site.lab.faults.add(InjectedFault(kind="cut", count=0))
    assert "was not checked against its server" in warnings(site)
