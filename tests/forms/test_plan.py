"""The effective plan: options over the product, explicit zeros included, and what differs."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.forms import OptionsForm, ProductForm, checked
from engine.plan import OPTION_PATHS, Plan, PlanChange, differences, effective

SPEC: dict[str, Any] = checked(
    ProductForm,
    {
        "name": "p",
        "server": "s",
        "template": 9000,
        "backups": 2,
        "backup_storage": "b",
        "network": {"ipv6": 1},
        "system_disk": {"size": 20},
    },
).model_dump(mode="json")


def test_an_option_overrides_and_an_absent_one_does_not() -> None:
    plan = effective(SPEC, {"cores": 4, "system_disk": 40, "additional_disk_iops_wr": 9, "memory": None})
    assert (plan.cores, plan.system_disk.size, plan.additional_disk.iops_wr, plan.memory) == (4, 40, 9, 1024)


def test_an_explicit_zero_overrides() -> None:
    plan = effective(SPEC, {"backups": 0, "ipv6": 0})
    assert (plan.backups, plan.network.ipv6) == (0, 0)


def test_every_option_of_the_form_has_its_place_in_the_plan() -> None:
    assert set(OPTION_PATHS) == set(OptionsForm.model_fields)


def test_every_field_of_a_product_is_in_the_plan() -> None:
    assert set(SPEC) - {"name", "server"} == set(Plan().as_dict())


def test_dhcp_wants_no_addresses() -> None:
    plan = effective(SPEC | {"network": {"dhcp4": True, "ipv4": 3, "ipv6": 2}}, {})
    assert (plan.network.ipv4_wanted, plan.network.ipv6_wanted) == (0, 2)


options = st.dictionaries(st.sampled_from(sorted(OPTION_PATHS)), st.integers(0, 1000))


@given(options)
def test_a_plan_survives_its_dictionary(given_options: dict[str, int]) -> None:
    plan = effective(SPEC, given_options)
    assert Plan.from_dict(plan.as_dict()) == plan
    assert differences(plan, plan) == []


@pytest.mark.parametrize(
    ("given_options", "wanted"),
    [
        ({"cores": 2}, [PlanChange("cores", 1, 2, True)]),
        ({"bandwidth": 5}, [PlanChange("network.bandwidth", 0, 5, False)]),
        ({"system_disk": 30}, [PlanChange("system_disk.size", 20, 30, False)]),
        ({"backups": 0, "snapshots": 4, "template": 9001}, []),
    ],
)
def test_differences_are_what_a_change_of_package_applies(
    given_options: dict[str, int], wanted: list[PlanChange]
) -> None:
    assert differences(effective(SPEC, {}), effective(SPEC, given_options)) == wanted
