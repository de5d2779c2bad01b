"""The processes of a world, forked from one that has imported everything: engines, command lines, the cluster.

Forking needs a process without threads, so a world keeps one for the purpose. All of them end with the world, however
that ends.
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import select
import signal
import socket
import sys
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.crash.labproc import LabProcess


def fork(
    work: Callable[[], int], output: Path | None = None, environment: dict[str, str] | None = None
) -> int:
    """Run `work` in a child that ends with this process; its output goes to a file. Returns the child's pid."""
    parent = os.getpid()
    gc.freeze()
    pid = os.fork()
    if pid:
        return pid
    code = 70
    try:
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(0)
        if output is not None:
            _redirect(output)
        if environment is not None:
            for name in [name for name in os.environ if name.startswith("KVMTUI_")]:
                del os.environ[name]
            os.environ.update(environment)
        code = work()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 70
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _redirect(output: Path) -> None:
    handle = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(handle, 1)
    os.dup2(handle, 2)
    os.close(handle)


def start_lab(speed: float, log: Path) -> tuple[int, LabProcess]:
    """A cluster in a process of its own."""
    reading, writing = os.pipe()

    def work() -> int:
        from kvmtui.lab import serve

        os.close(reading)
        with os.fdopen(writing, "w") as out:
            serve(speed=speed, say=lambda line: print(line, file=out, flush=True))
        return 0

    pid = fork(work, log)
    os.close(writing)
    reported: dict[str, str] = {}
    with os.fdopen(reading) as lines:
        for line in lines:
            name, _, value = line.strip().partition("  ")
            reported[name.strip()] = value.strip()
            if line.startswith("Stop it"):
                break
        token_id, _, token_secret = reported["Token"].partition("=")
        port = int(reported["URL"].rsplit(":", 1)[1])
        return pid, LabProcess(port, token_id, token_secret, reported["Fingerprint"])


class Stable:
    """A process without threads that forks the others on request and reports how they exited."""

    def __init__(self) -> None:
        here, there = socket.socketpair()

        def work() -> int:
            here.close()
            _serve(there)
            return 0

        self.pid = fork(work)
        there.close()
        self._socket = here
        self._asking = threading.Lock()
        self._news = threading.Condition()
        self._answers: list[int] = []
        self._ended: dict[int, int] = {}
        threading.Thread(target=self._listen, daemon=True).start()

    def start(self, argv: list[str], home: Path, output: Path, **hooks: Any) -> int:
        """Run the program with these arguments in a new process; returns its pid at once."""
        order = {"argv": argv, "home": str(home), "output": str(output), **hooks}
        with self._asking, self._news:
            self._socket.sendall(json.dumps(order).encode() + b"\n")
            if not self._news.wait_for(lambda: bool(self._answers), 30):
                raise RuntimeError("no process was forked within 30 s")
            return self._answers.pop()

    def wait(self, pid: int, seconds: float) -> int | None:
        """The exit status of a process (negative: the signal), None when it has not ended in time."""
        with self._news:
            self._news.wait_for(lambda: pid in self._ended, seconds)
            return self._ended.get(pid)

    def close(self) -> None:
        """End it; nothing that it forked outlives it."""
        self._socket.shutdown(socket.SHUT_RDWR)

    def _listen(self) -> None:
        with self._socket.makefile() as lines:
            for line in lines:
                news = json.loads(line)
                with self._news:
                    if "ended" in news:
                        self._ended[news["ended"]] = news["status"]
                    else:
                        self._answers.append(news["pid"])
                    self._news.notify_all()


def _serve(there: socket.socket) -> None:
    buffered = b""
    while True:
        if select.select([there], [], [], 0.02)[0]:
            received = there.recv(65536)
            if not received:
                return
            buffered += received
        while b"\n" in buffered:
            line, _, buffered = buffered.partition(b"\n")
            pid = _program(json.loads(line), there)
            there.sendall(json.dumps({"pid": pid}).encode() + b"\n")
        _reap(there)


def _program(order: dict[str, Any], there: socket.socket) -> int:
    def work() -> int:
        from kvmtui.terminal import exits
        from tests.world import guards, hooks

        there.close()
        hooks.install(Path(order["clock"]))
        guards.remove(order.get("without", ""))
        if login := order.get("login"):
            from engine import audit

            audit._login = lambda: login
        return exits.run(order["argv"])

    environment = {"KVMTUI_HOME": order["home"], "KVMTUI_DB": order["db"], "TZ": "UTC"}
    return fork(work, Path(order["output"]), environment)


def _reap(there: socket.socket) -> None:
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if not pid:
            return
        code = -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
        there.sendall(json.dumps({"ended": pid, "status": code}).encode() + b"\n")


def import_everything() -> None:
    """Load what engines, command lines and the cluster need, and compile the mails, before the first fork."""
    import importlib
    import pkgutil

    import engine
    import kvmtui.cli
    from engine.mail import rendering

    for package in (engine, kvmtui.cli):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if ".migrations." not in module.name:
                importlib.import_module(module.name)
    for name in (
        "kvmtui.daemon",
        "kvmtui.lab",
        "kvmtui.manifest.applying",
        "playhouse.pool",
        "platformdirs",
        "psycopg",
        "cryptography.x509",
        "httpx",
        "httpcore",
    ):
        importlib.import_module(name)
    templates = rendering._shipped()
    for name in templates.list_templates():
        templates.get_template(name)
