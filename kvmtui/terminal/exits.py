"""From what happened to the exit status: 0 done, 1 tried and failed, 2 not tried and nothing changed.

A traceback never reaches the terminal: it goes to the log file, and the terminal gets a sentence.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from engine.errors import KvmtuiError
from engine.redact import redact
from kvmtui.terminal import streams

if TYPE_CHECKING:
    import typer

_CONSOLE = ("--read-only", "--low-bandwidth")
_COMPLETING = "_KVMTUI_COMPLETE"  # a shell asks what could be typed next
DONE, FAILED, REFUSED, INTERRUPTED = 0, 1, 2, 130
log = logging.getLogger("kvmtui")


class PipeClosed(Exception):
    """Whoever read our output went away; there is nobody to tell."""


class Unwritten(Exception):
    """Stdout takes nothing: a full disk, a terminal that is gone."""

    def __init__(self, error: OSError) -> None:
        super().__init__(str(error))
        self.error = error


def run(arguments: Sequence[str]) -> int:
    """Run one command line; returns its exit status and never raises but SystemExit."""
    streams.prepare()
    logging.lastResort = None  # before the log file is open there is no place for a traceback
    log.addHandler(logging.NullHandler())  # without a log file, nothing of ours goes to the terminal
    try:
        status = _command(arguments)
        _flush()
    except (PipeClosed, BrokenPipeError):
        return _hush()
    except Unwritten as lost:
        return _unwritten(lost.error)
    except KvmtuiError as error:
        return _say(error.sentence, error.exit_code)
    except KeyboardInterrupt:
        return _say("Interrupted.", INTERRUPTED)
    except OSError as error:  # the parser's own output, such as --help, when stdout takes nothing
        return _unwritten(error) if _stdout_is_lost() else _other(error)
    except Exception as error:  # noqa: BLE001 - last resort: no traceback may reach the user
        return _other(error)
    return _say("\nInterrupted.", INTERRUPTED) if status == INTERRUPTED else status


def _flush() -> None:
    try:
        sys.stdout.flush()
    except BrokenPipeError as gone:
        raise PipeClosed from gone
    except OSError as error:
        raise Unwritten(error) from error


def _stdout_is_lost() -> bool:
    try:
        sys.stdout.flush()
    except OSError:
        return True
    return False


def _command(arguments: Sequence[str]) -> int:
    if set(arguments) <= set(_CONSOLE) and _COMPLETING not in os.environ:
        return _console(arguments)
    from kvmtui.cli import command

    result = command().main(list(arguments), prog_name="kvmtui", standalone_mode=False)
    return result if isinstance(result, int) else DONE


def _console(arguments: Sequence[str]) -> int:
    """The console, straight away: reading its two switches needs no command line parser, which takes its time."""
    from kvmtui import app
    from kvmtui.terminal import open_site

    open_site.set_read_only("--read-only" in arguments)
    return app.run("--read-only" in arguments, "--low-bandwidth" in arguments)


def _other(error: Exception) -> int:
    """What the command line parser raises, or what nobody expected."""
    import typer

    if isinstance(error, typer.Abort):
        return _say("Interrupted.", INTERRUPTED)
    if isinstance(error, typer.TyperException):
        return _say(_usage(error), REFUSED)
    return _say(_unexpected(error), FAILED)


def _say(sentence: str, status: int) -> int:
    try:
        sys.stdout.flush()
        if sentence:
            print(redact(sentence), file=sys.stderr, flush=True)  # noqa: T201
    except OSError:  # whoever would read it, or the whole terminal, went away
        _hush()
    return status


def _usage(error: typer.TyperException) -> str:
    """A usage error as a sentence, with the command whose help explains it."""
    context = getattr(error, "ctx", None)
    if type(error).__name__ == "NoArgsIsHelpError":
        return error.format_message()
    where = f"\nTry: {context.command_path} --help" if context is not None else ""
    return f"{error.format_message()}{where}"


def _unexpected(error: Exception) -> str:
    kind = type(error).__name__
    return (
        f"kvmtui stopped on an error it did not expect ({kind}). This is a bug in kvmtui. "
        f"{_logged(error)} Please report it."
    )


def _logged(error: Exception) -> str:
    """Write the error with its traceback into the log file; says where that is."""
    from kvmtui import config, logs

    try:
        site = config.load()
        logs.start(site.log_file, site.log_level)
        log.error("Unexpected error", exc_info=error)
        logs.stop()
    except (KvmtuiError, OSError):
        return "The details could not be written to the log."
    return f"The details are in {site.log_file}."


def _hush() -> int:
    streams.discard()
    return DONE


def _unwritten(error: OSError) -> int:
    """The result is lost, which a script must not take for an empty one."""
    sentence = f"Cannot write to stdout: {error.strerror}. The result is incomplete."
    with suppress(OSError):
        print(sentence, file=sys.stderr, flush=True)  # noqa: T201
    streams.discard()
    return FAILED
