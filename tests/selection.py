"""Which tests run, and in which order: markers by what a test trusts, slow tests first, quick ones on request."""

from __future__ import annotations

import ast
import gc
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import durations, seeds

ROOT = Path(__file__).parent.parent
PICTURES = {"snap_compare", "pictures"}
"""The fixtures of the tests that compare with stored pictures."""
KINDS = {
    "journeys": ("journeys",),
    "crash": ("crash", "engines", "faults", "world"),
    "unit": ("docs", "forms", "screens", "wizard"),
}
"""The folders of each kind; a file in `tests/` itself is of kind `unit`, every other folder of kind `integration`."""
GARBAGE = (20_000, 20, 20)
"""How often Python looks for garbage while tests run: a tenth as often as usual."""
CROWDED = ("engines", "world")
"""Folders whose tests start several engines; under xdist they run one after the other, in the first worker."""


def kind_of(path: str, fixtures: object = ()) -> str:
    """What the tests of a file trust: unit, integration, journeys, crash or pictures."""
    if PICTURES & set(fixtures if isinstance(fixtures, list | tuple) else ()):
        return "pictures"
    folder = _folder(path)
    if not folder:
        return "unit"
    return next((kind for kind, folders in KINDS.items() if folder in folders), "integration")


def _folder(path: str) -> str:
    parts = path.split("/")
    return parts[1] if len(parts) > 2 else ""


def _name(item: pytest.Item) -> str:
    return item.nodeid.partition("[")[0]


def _is_quick(item: pytest.Item) -> bool:
    path, _, parameters = item.nodeid.partition("[")
    return durations.is_quick(path.partition("::")[0]) and durations.POSTGRESQL not in parameters


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Three workers a core: the tests wait for processes and clocks for a part of their time."""
    return min(16, 3 * (os.cpu_count() or 1))


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Prepares this process: properties draw from the seed of the run, ctrl+c works, workers print no summary."""
    if config.option.hypothesis_seed is None:
        config.option.hypothesis_seed = str(seeds.SEED)
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # a shell started the run in the background
        signal.signal(
            signal.SIGINT, signal.default_int_handler
        )  # the programs under test must not inherit that
    if hasattr(config, "workerinput"):  # nobody reads it, and syrupy's takes seconds
        config.option.no_summary = True


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Names the seed of a run in which something failed."""
    if terminalreporter.stats.get("failed") or terminalreporter.stats.get("error"):
        terminalreporter.write_line(
            f"Random choices of this run: repeat them with {seeds.NAME}={seeds.SEED}."
        )


_parse = ast.parse


def _parse_undisturbed(*given: Any, **named: Any) -> Any:
    """Parse without looking for garbage.

    Python 3.11 fails when a finalizer that the collector runs parses something in between, as the traceback of an
    error in it does.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        return _parse(*given, **named)
    finally:
        if enabled:
            gc.enable()


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Collects without looking for garbage; what was imported is never looked through again."""
    ast.parse = _parse_undisturbed
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.set_threshold(*GARBAGE)
        gc.enable()


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """With `-m quick`, files without a quick test are not even imported."""
    if config.option.markexpr.strip() != "quick" or not collection_path.name.startswith("test_"):
        return None
    return True if not durations.is_quick(collection_path.relative_to(ROOT).as_posix()) else None


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> Iterator[None]:
    """Marks every test before `-m` selects, and orders what is selected so that the workers end together."""
    for item in items:
        item.add_marker(kind_of(item.nodeid.partition("::")[0], getattr(item, "fixturenames", ())))
        if _is_quick(item):
            item.add_marker("quick")
    yield
    worker = getattr(config, "workerinput", None)
    if worker is not None:
        crowded = [_name(item) for item in items if _folder(item.nodeid.partition("::")[0]) in CROWDED]
        order = durations.dealt(map(_name, items), worker["workercount"], crowded)
        items[:] = [items[number] for number in order]
