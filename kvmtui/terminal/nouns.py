"""A noun whose verbs are spread over the modules of a package, imported when they are called."""

from __future__ import annotations

import pkgutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from typing import Any, ClassVar

import typer
from typer.core import TyperCommand, TyperGroup

from engine.errors import KvmtuiError
from engine.store import drivers
from kvmtui import config
from kvmtui.terminal import plain_wait, summaries

_COMPLETION = ("install_completion", "show_completion")


class ListedFromSource(TyperGroup):
    """Imports a command only when it is called: lists of commands are read from the source."""

    _listing = False

    def summary(self, cmd_name: str) -> str:
        """The help of a command, without importing it."""
        raise NotImplementedError

    def called(self, cmd_name: str) -> Any:
        """The command itself, imported, or None."""
        raise NotImplementedError

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command behind a name, or None; in a list only its name and help."""
        if self._listing:
            return TyperCommand(cmd_name, help=self.summary(cmd_name))
        return self.called(cmd_name)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the list of commands of a help page."""
        with self._as_list():
            super().format_commands(ctx, formatter)

    def shell_complete(self, ctx: Any, incomplete: str) -> Any:
        """Complete the name of a command."""
        with self._as_list():
            return super().shell_complete(ctx, incomplete)

    @contextmanager
    def _as_list(self) -> Iterator[None]:
        self._listing = True
        try:
            yield
        finally:
            self._listing = False


class _Verbs(ListedFromSource):
    """The verbs of a noun that is a package."""

    package: ClassVar[str]
    folder: ClassVar[list[str]]

    def list_commands(self, ctx: Any) -> list[str]:
        """Every verb, in alphabetical order."""
        return sorted(self._homes())

    def summary(self, cmd_name: str) -> str:
        return summaries.verbs_of(self._homes()[cmd_name])[cmd_name]

    def called(self, cmd_name: str) -> Any:
        home = self._homes().get(cmd_name)
        if cmd_name not in self.commands and home is not None:
            self._load(home)
        return self.commands.get(cmd_name)

    def _homes(self) -> dict[str, str]:
        """The module of each verb."""
        modules = [f"{self.package}.{name}" for _, name, _ in pkgutil.iter_modules(self.folder)]
        return {verb: module for module in modules for verb in summaries.verbs_of(module)}

    def _load(self, name: str) -> None:
        """Take the verbs of a module; an app with a name of its own is one verb with verbs below it."""
        app = imported(name).app
        command = plain(typer.main.get_command(app))
        if isinstance(app.info.name, str):
            self.commands[app.info.name] = command
            return
        found = command.commands if isinstance(command, TyperGroup) else {command.name: command}
        self.commands.update(found)


def imported(name: str) -> Any:
    """The module of a verb, and with it the driver of the site's database alone."""
    with suppress(KvmtuiError):  # a fault in config.toml concerns the verbs that open the site
        drivers.needed_by(config.load().database)
    return import_module(name)


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
