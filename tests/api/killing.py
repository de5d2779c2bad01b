"""The API in a process of its own that kills itself with SIGKILL around a commit.

The moments: before and after every commit that writes. Run as `python -m tests.api.killing KILL_AT`, it serves the site
of KVMTUI_HOME and prints its URL; with KILL_AT 0 it lives.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from typing import Any

from kvmtui import config
from kvmtui.api.serving import ApiServer
from kvmtui.api.settings import ApiSettings


def arm(kill_at: int) -> None:
    """Count the moments around commits of this process; at the wanted one it is gone."""
    from engine.store.database import database

    seen, guard = 0, threading.Lock()

    def moment() -> None:
        nonlocal seen
        with guard:
            seen += 1
            if seen == kill_at:
                os.kill(os.getpid(), signal.SIGKILL)

    def around(inner: Callable[..., Any]) -> Callable[..., Any]:
        def outer(*args: Any, **kwargs: Any) -> Any:
            moment()
            result = inner(*args, **kwargs)
            moment()
            return result

        return outer

    kind = type(database.obj)
    kind.commit = around(kind.commit)


def main(kill_at: int, port: int) -> None:
    """Serve until killed or until stdin closes."""
    config.open_site(config.load())
    server = ApiServer(ApiSettings(), f"127.0.0.1:{port}")
    if kill_at:
        arm(kill_at)
    server.start()
    sys.stdout.write(f"{server.url}\n")
    sys.stdout.flush()
    sys.stdin.read()
    server.stop()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
