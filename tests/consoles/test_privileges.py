"""That the right to open consoles is missing is told before anybody tries."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from tests.conftest import Ran
from tests.consoles.conftest import House


@pytest.mark.parametrize("words", [("server", "test", "pve-lab"), ("doctor", "pve-lab")])
def test_a_missing_right_is_found_with_the_command_that_grants_it(
    house: House, kvmtui: Callable[..., Ran], words: tuple[str, ...]
) -> None:
    assert "no VM.Console" not in told(kvmtui, *words)
    house.lab.revoke("VM.Console", "/")
    missing = told(kvmtui, *words)
    assert "VM.Console" in missing and "pveum" in missing


def told(kvmtui: Callable[..., Ran], *words: str) -> str:
    """What is wrong with the right to open consoles, and what mends it."""
    ran = kvmtui(*words, "--json")
    found = json.loads(ran.stdout)
    checks = found if isinstance(found, list) else [each for part in found.values() for each in part]
    return "\n".join(json.dumps(each) for each in checks if "VM.Console" in json.dumps(each))
