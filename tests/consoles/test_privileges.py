"""A missing privilege to open consoles is reported before anyone tries to open one."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from tests.conftest import Ran
from tests.consoles.conftest import ConsoleSite


@pytest.mark.parametrize("words", [("server", "test", "pve-lab"), ("doctor", "pve-lab")])
def test_a_missing_right_is_found_with_the_command_that_grants_it(
    site: ConsoleSite, kvmtui: Callable[..., Ran], words: tuple[str, ...]
) -> None:
    assert "no VM.Console" not in check_result(kvmtui, *words)
    site.lab.revoke("VM.Console", "/")
    missing = check_result(kvmtui, *words)
    assert "VM.Console" in missing and "pveum" in missing


def check_result(kvmtui: Callable[..., Ran], *words: str) -> str:
    """What is wrong with the privilege to open consoles, and what fixes it."""
    ran = kvmtui(*words, "--json")
    found = json.loads(ran.stdout)
    checks = found if isinstance(found, list) else [each for part in found.values() for each in part]
    return "\n".join(json.dumps(each) for each in checks if "VM.Console" in json.dumps(each))
