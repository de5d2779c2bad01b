"""The summary of a tick names every action as SPEC does: one word for each word of the pipeline's name."""

from __future__ import annotations

import pytest

from engine.pipelines.registry import catalog
from engine.schedule.process_vms import summary_name


@pytest.mark.parametrize(
    ("action", "written"),
    [
        ("Deploy", "deploy"),
        ("ChangePackage", "change_package"),
        ("SetDnsRecords", "set_dns_records"),
        ("VMSetDedicatedIp", "vm_set_dedicated_ip"),
        ("VMClone", "vm_clone"),
        ("VMRemove", "vm_remove"),
        ("Set CPU RAM", "set_cpu_ram"),
        ("Set DNS records", "set_dns_records"),
        ("SetCloudinit", "set_cloudinit"),
    ],
)
def test_an_action_is_written_in_lower_case_words(action: str, written: str) -> None:
    assert summary_name(action) == written
    assert catalog().named(action).name == action
