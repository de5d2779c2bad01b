"""API servers that kill themselves with SIGKILL at one moment of a write, forked from a process that has all imported.

Run as `python -m tests.api.killing`, it reads lines `MOMENT PORT` and starts a server for the site of KVMTUI_HOME for
each; the server prints its URL and process id. MOMENT is one of MOMENTS, or `never`.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

MOMENTS = {
    "arrived": "before anything is read of it",
    "authenticated": "after its token was accepted",
    "commit": "before the commit of what it caused",
    "committed": "after that commit, before the answer",
    "answering": "before the first byte of the answer",
    "answered": "after the status line, before the body",
    "waited for": "before the commit, while the same key waits for it",
}
_CLAIM = "INSERT INTO answered"


def die() -> None:
    """End this process as a power cut does."""
    os.kill(os.getpid(), signal.SIGKILL)


def arm(moment: str) -> None:
    """Let this process die at a moment of the first write."""
    from engine.store.database import database
    from kvmtui.api import routing
    from kvmtui.api.gate import Gate

    claiming, arrived = threading.local(), [0]
    kind = type(database.obj)
    execute_sql, commit, call, authenticate = (
        kind.execute_sql,
        kind.commit,
        Gate.__call__,
        routing.tokens.authenticate,
    )

    def noted(self: Any, sql: str, params: Any = None) -> Any:
        if sql.startswith(_CLAIM):
            claiming.now = True
        return execute_sql(self, sql, params)

    def committed(self: Any) -> Any:
        if not getattr(claiming, "now", False):
            return commit(self)
        if moment == "commit":
            die()
        if moment == "waited for":
            while arrived[0] < 2:
                time.sleep(0.01)
            time.sleep(0.2)  # the second one reaches the store
            die()
        result = commit(self)
        if moment == "committed":
            die()
        return result

    async def gated(self: Gate, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD"):
            return await call(self, scope, receive, send)
        arrived[0] += 1
        if moment == "arrived":
            die()

        async def answer(message: Any) -> None:
            if moment == "answering" or (moment == "answered" and message["type"] == "http.response.body"):
                die()
            await send(message)

        return await call(self, scope, receive, answer)

    def accepted(*given: Any) -> Any:
        found = authenticate(*given)
        if moment == "authenticated":
            die()
        return found

    kind.execute_sql, kind.commit = noted, committed
    Gate.__call__ = gated  # type: ignore[method-assign]
    routing.tokens.authenticate = accepted


def serve(moment: str, port: int) -> None:
    """Serve until killed."""
    from kvmtui import config
    from kvmtui.api.serving import ApiServer
    from kvmtui.api.settings import ApiSettings

    config.open_site(config.load())
    if moment != "never":
        arm(moment)
    server = ApiServer(ApiSettings(rate_limit=0), f"127.0.0.1:{port}")
    server.start()
    sys.stdout.write(f"{server.url} {os.getpid()}\n")
    sys.stdout.flush()
    signal.pause()


def main(start: Callable[[str, int], None] = serve) -> None:
    """Fork a server for each line."""
    import kvmtui.api.serving
    import kvmtui.config  # noqa: F401 - what servers would import one after the other

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for them
    for line in sys.stdin:
        moment, _, port = line.strip().rpartition(" ")
        if os.fork() == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            start(moment, int(port))


if __name__ == "__main__":
    main()
