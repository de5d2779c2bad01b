"""Lists of commands are read from the source of the command line; they say what the imported commands say."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import typer

from kvmtui.cli import app
from kvmtui.terminal.nouns import ListedFromSource

ROOT: Any = typer.main.get_command(app)
CONTEXT = typer.Context(ROOT)


def groups(command: Any, name: str = "kvmtui") -> Iterator[tuple[str, ListedFromSource]]:
    """Every group whose list is read from the source."""
    if isinstance(command, ListedFromSource):
        yield name, command
        for each in command.list_commands(CONTEXT):
            yield from groups(command.called(each), f"{name} {each}")


GROUPS = dict(groups(ROOT))


def test_nouns_that_are_packages_are_lists_too() -> None:
    assert {"kvmtui", "kvmtui vm", "kvmtui service", "kvmtui server", "kvmtui zone"} == set(GROUPS)


@pytest.mark.parametrize("name", GROUPS)
def test_a_list_says_what_the_commands_say(name: str) -> None:
    group = GROUPS[name]
    names = group.list_commands(CONTEXT)
    imported = {each: group.called(each) for each in names}
    assert {each: group.summary(each) for each in names} == {
        each: command.help for each, command in imported.items()
    }
    assert not any(command.hidden for command in imported.values())


@pytest.mark.parametrize("arguments", [["--help"], ["vm", "--help"]])
def test_a_list_imports_no_engine(arguments: list[str]) -> None:
    shown = f"import sys; from kvmtui.cli import app; app({arguments!r}, standalone_mode=False); " + (
        "print(*sys.modules)"
    )
    modules = subprocess.run(
        [sys.executable, "-c", shown], capture_output=True, text=True, check=True
    ).stdout.split()
    assert "kvmtui.terminal.summaries" in modules
    assert not {"engine.actions", "engine.proxmox", "engine.queries", "peewee"} & set(modules)
