"""`kvmtui whoami`: the operator's login and role."""

from __future__ import annotations

import typer

from engine.operators import identity
from engine.roles import DESCRIPTIONS
from kvmtui import config
from kvmtui.terminal import output
from kvmtui.terminal.options import AsJson

app = typer.Typer(help="Show your login and role.")


@app.command()
def whoami(as_json: AsJson = False) -> None:
    """Show your login and role, and where the role comes from.

    Roles are set in config.toml: [operators] and default_operator.

    \b
    kvmtui whoami
    """
    config.use_operators(config.load())
    who = identity()
    facts = {"name": who.login, "role": who.role.value, "may": DESCRIPTIONS[who.role], "why": who.why}
    if as_json:
        output.show_json(facts)
        return
    output.show_facts(facts)
