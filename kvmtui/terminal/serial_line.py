"""A guest's serial line in this terminal, as `kvmtui vm console` shows it."""

from __future__ import annotations

import signal
import sys
from contextlib import ExitStack
from pathlib import Path

from engine.consoles import console_options
from engine.consoles.keys import control_key, key_name
from engine.errors import Failed, Refused
from kvmtui.terminal import names, open_site
from kvmtui.terminal.output import message, safe


def attach(ref: str, detach: str, log: Path | None, reason: str) -> int:
    """Stay at the serial line of a VM until the operator leaves it; Failed when it was lost."""
    from engine.actions.consoles import open_serial
    from engine.audit import current_actor
    from screens.consoles import serial_terminal
    from screens.consoles.serial_terminal import Parting
    from screens.consoles.session_log import SessionLog

    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise Refused("The serial console needs a terminal for input and output, not a pipe.")
    with open_site.changing(), ExitStack() as kept:
        key = control_key(detach or console_options.current().detach)
        service_id = names.service_of(ref)
        file = kept.enter_context(SessionLog(log)) if log else None
        opened = open_serial(current_actor("cli", reason), service_id)
        name = safe(opened.line.name)
        message(f"Serial console of {name}; {key_name(key)} leaves it. Press Enter if nothing comes.")
        signal.signal(
            signal.SIGHUP, signal.SIG_IGN
        )  # after the session: a lost terminal ends with its status
        session = serial_terminal.visit(opened, key, file)
        if session.log_error:
            message(session.log_error)
        said = serial_terminal.sentence(session.parting, name)
        if session.parting not in (Parting.DETACHED, Parting.ENDED):
            raise Failed(said)
        message(said)
    return 0
