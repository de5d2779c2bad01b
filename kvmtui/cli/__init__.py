"""The command line: `kvmtui NOUN VERB`. Every module of this folder is one noun or one verb of its own.

How to add one: put `kvmtui/cli/<name>.py` (or a package `kvmtui/cli/<name>/`) here with

    app = typer.Typer(help="One sentence.", rich_markup_mode=None)    # its commands are the verbs of <name>
    @app.command() …        # with exactly one command and no @app.callback(), <name> itself is the verb

and nothing else; it is found by its file name (`run_step.py` answers to `run-step`) and imported only when
it is called, so a module imports what it needs at its top; lists of commands are read from its source. The
nouns `vm` and `service` are packages whose modules each hold an `app` with some of the verbs: add a file there
to add verbs.

What verbs use is in `kvmtui.terminal`: `site.opened()` / `site.changing()` around the work, `output.show_*`
for results, `ask` for typed confirmations and secrets, `names` for completion. A verb ends by returning, or
raises `engine.errors.Refused` (exit 2) or `Failed` (exit 1), or returns an exit status.
"""

from __future__ import annotations

import pkgutil
from functools import cache
from importlib import import_module
from typing import Annotated, Any

import typer

import kvmtui
from engine.errors import Refused
from engine.nearest import nearest
from kvmtui.terminal import open_site, summaries
from kvmtui.terminal.nouns import ListedFromSource, imported, plain

_FOUND = [(f"{__name__}.{name}", package) for _, name, package in pkgutil.iter_modules(__path__)]
_MODULES = {name for name, _ in _FOUND}
_PACKAGES = {name for name, package in _FOUND if package}


class Verbs(ListedFromSource):
    """Finds its commands among the modules of this folder and imports the one that is called."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Let `--api` go without its address, which the parser would require."""
        for place, word in enumerate(args):
            if word == "--api" and (args[place + 1 : place + 2] or ["-"])[0].startswith("-"):
                args = [*args[:place], "--api=", *args[place + 1 :]]
        return list(super().parse_args(ctx, args))

    def list_commands(self, ctx: Any) -> list[str]:
        """The name of every noun and verb there is."""
        return [name.replace("_", "-") for _, name, _ in pkgutil.iter_modules(__path__)]

    def summary(self, cmd_name: str) -> str:
        name = _module(cmd_name)
        return (self.called(cmd_name).help or "") if name in _PACKAGES else summaries.help_of(name)

    def called(self, cmd_name: str) -> Any:
        if cmd_name not in self.commands and _module(cmd_name) in _MODULES:
            name = _module(cmd_name)
            module = import_module(name) if name in _PACKAGES else imported(name)
            self.commands[cmd_name] = plain(typer.main.get_command(module.app))
            self.commands[cmd_name].name = cmd_name
        return self.commands.get(cmd_name)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The called command; an unknown one is refused with the nearest match."""
        if args and not args[0].startswith("-") and args[0] not in self.list_commands(ctx):
            near = nearest(args[0], self.list_commands(ctx))
            raise Refused(f"Command '{args[0]}' not found.{near} List them: kvmtui --help")
        return super().resolve_command(ctx, args)


def _module(cmd_name: str) -> str:
    return f"{__name__}.{cmd_name.replace('-', '_')}"


app = typer.Typer(
    name="kvmtui",
    cls=Verbs,
    invoke_without_command=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@cache
def command() -> Any:
    """The command line of this process; it loads a noun when it is called."""
    return typer.main.get_command(app)


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(f"kvmtui {kvmtui.__version__}")
        raise typer.Exit


@app.callback()
def root(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
    read_only: Annotated[bool, typer.Option("--read-only", help="Refuse every change.")] = False,
    low_bandwidth: Annotated[
        bool, typer.Option("--low-bandwidth", help="Optimise the console for slow links.")
    ] = False,
    daemon: Annotated[
        bool, typer.Option("--daemon", help="Run the engine alone, logging to stdout, until SIGTERM.")
    ] = False,
    api: Annotated[
        str | None,
        typer.Option(metavar="[ADDRESS:PORT]", help="With --daemon: serve the HTTP API as well."),
    ] = None,
    demo: Annotated[
        bool, typer.Option("--demo", help="Open the console on a simulated site; nothing is kept.")
    ] = False,
    tour: Annotated[
        bool, typer.Option("--tour", help="With --demo: walk through it by itself; any key ends the tour.")
    ] = False,
    tour_speed: Annotated[float, typer.Option(min=0.1, hidden=True)] = 1.0,
) -> int:
    """A terminal operations console for KVM virtual machines on Proxmox VE.

    Without a command it opens the console.

    \b
    kvmtui apply site.yaml --dry-run     # preview a manifest
    kvmtui vm list                       # list the VMs
    kvmtui service create --client Acme --product VPS-2
    """
    open_site.set_read_only(read_only)
    if context.invoked_subcommand is not None:
        _refuse_with_command(
            low_bandwidth=low_bandwidth, daemon=daemon, demo=demo, tour=tour, api=api is not None
        )
        return 0
    if api is not None and not daemon:
        raise Refused("--api needs --daemon. To serve the API alone: kvmtui api")
    if tour and (not demo or read_only):
        raise Refused("--tour needs --demo and cannot be combined with --read-only.")
    return _start(read_only, low_bandwidth, daemon, demo, api, tour_speed if tour else 0.0)


def _refuse_with_command(**switches: bool) -> None:
    for name, on in switches.items():
        if on:
            raise Refused(f"--{name.replace('_', '-')} cannot be combined with a command.")


def _start(
    read_only: bool, low_bandwidth: bool, daemon: bool, demo: bool, api: str | None, tour: float
) -> int:
    """Open the console (`kvmtui.app.run`), the daemon or the demo (`run` of these modules)."""
    if daemon and (demo or low_bandwidth or read_only):
        raise Refused("--daemon cannot be combined with --demo, --low-bandwidth or --read-only.")
    if daemon:
        return int(import_module("kvmtui.daemon").run(api) or 0)
    if demo:
        return int(import_module("kvmtui.demo").run(read_only, low_bandwidth, tour) or 0)
    return int(import_module("kvmtui.app").run(read_only=read_only, low_bandwidth=low_bandwidth) or 0)
