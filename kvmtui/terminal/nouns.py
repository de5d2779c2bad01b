"""A noun whose verbs are spread over the modules of a package, imported when they are called."""

from __future__ import annotations

import pkgutil
from collections.abc import Iterable
from importlib import import_module
from typing import Any, ClassVar

import typer
from typer.core import TyperGroup

from kvmtui.terminal import plain_wait

_COMPLETION = ("install_completion", "show_completion")


class _Verbs(TyperGroup):
    """Looks for a verb in the module of its name first, and only then in all of them."""

    package: ClassVar[str]
    folder: ClassVar[list[str]]

    def list_commands(self, ctx: Any) -> list[str]:
        """Every verb, in alphabetical order."""
        for module in self._modules():
            self._load(module)
        return sorted(self.commands)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command behind a verb, or None."""
        own = cmd_name.replace("-", "_")
        if cmd_name not in self.commands and own in self._modules():
            self._load(own)
        if cmd_name not in self.commands:
            self.list_commands(ctx)
        return self.commands.get(cmd_name)

    def _modules(self) -> list[str]:
        return [name for _, name, _ in pkgutil.iter_modules(self.folder)]

    def _load(self, name: str) -> None:
        """Take the verbs of a module; an app with a name of its own is one verb with verbs below it."""
        app = import_module(f"{self.package}.{name}").app
        command = plain(typer.main.get_command(app))
        if isinstance(app.info.name, str):
            self.commands[app.info.name] = command
            return
        found = command.commands if isinstance(command, TyperGroup) else {command.name: command}
        self.commands.update(found)


def plain(command: Any) -> Any:
    """The command with plain help, one layout for all verbs; completion is installed by `kvmtui` itself."""
    command.rich_markup_mode = None
    plain_wait.accept(command)
    command.params = [each for each in command.params if each.name not in _COMPLETION]
    for inner in getattr(command, "commands", {}).values():
        plain(inner)
    return command


def noun(package: str, folder: Iterable[str], sentence: str) -> typer.Typer:
    """The app of a noun; call it as `app = noun(__name__, __path__, "…")` in the package."""
    group = type("Verbs", (_Verbs,), {"package": package, "folder": list(folder)})
    app = typer.Typer(cls=group, help=sentence, rich_markup_mode=None, no_args_is_help=True)
    app.callback()(_nothing)
    return app


def _nothing() -> None:
    """The verbs do the work."""
