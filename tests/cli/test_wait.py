"""`--wait`, `--wait 60` and `--wait=60` mean the same option at every verb that has it."""

from __future__ import annotations

from typing import Any

import pytest
import typer

from kvmtui import cli

LONG = 86_400


def parsed(*words: str) -> dict[str, Any]:
    """The values of the last command on a command line."""
    command: Any = cli.command()
    rest, context = list(words), None
    while True:
        context = command.make_context(command.name or "kvmtui", list(rest), parent=context)
        if not hasattr(command, "list_commands"):
            return dict(context.params)
        _, command, rest = command.resolve_command(context, [*context._protected_args, *context.args])


@pytest.mark.parametrize(
    ("line", "ref", "wait"),
    [
        ("vm start 5546", "5546", None),
        ("vm start 5546 --wait", "5546", LONG),
        ("vm start 5546 --wait 60", "5546", 60),
        ("vm start 5546 --wait=60", "5546", 60),
        ("vm start --wait=60 5546", "5546", 60),
        ("vm start --wait 60 5546", "5546", 60),
        ("vm start --wait 5546", "5546", LONG),
        ("vm start --wait web-1", "web-1", LONG),
        ("vm start 5546 --wait 0.5 --json", "5546", 0.5),
        ("vm start --wait -- 5546", "5546", LONG),
        ("vm snapshot create 5546 --wait 60", "5546", 60),
        ("vm snapshot create --wait 5546 before", "5546", LONG),
        ("vm snapshot create 5546 --note x --wait 60 before", "5546", 60),
        ("vm snapshot delete --wait 5546 before", "5546", LONG),
        ("service suspend 5546 --reason unpaid --wait 60", "5546", 60),
    ],
)
def test_wait_takes_a_number_after_a_space_or_an_equals_sign(line: str, ref: str, wait: float | None) -> None:
    found = parsed(*line.split())
    assert (found["ref"], found["wait"]) == (ref, wait)


def test_wait_without_an_argument_of_the_verb() -> None:
    line = ["service", "create", "--client", "a", "--product", "b", "--wait"]
    assert parsed(*line)["wait"] == LONG
    assert parsed(*line, "60")["wait"] == 60
    assert parsed("apply", "site.yaml", "--wait", "60")["wait"] == 60


@pytest.mark.parametrize("line", ["vm start --wait", "vm start 5546 --wait soon", "vm start 5546 --wait=-1"])
def test_a_wait_that_cannot_be_read_is_a_usage_error(line: str) -> None:
    with pytest.raises(typer.TyperException):
        parsed(*line.split())
