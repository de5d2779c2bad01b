"""The order of the tests and their markers: nothing is lost, slow tests begin first, each test has one kind."""

from __future__ import annotations

from pathlib import Path

import pytest
from xdist.scheduler import worksteal

from tests import durations, selection


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    """A table with two slow files and a quick one."""
    table = {"a.py": (30.0, 3), "a.py::one": (20.0, 1), "a.py::two": (10.0, 1), "w.py::many": (15.0, 1),
             "q.py": (1.0, 100)}  # fmt: skip
    monkeypatch.setattr(durations, "table", lambda: table)


@pytest.mark.parametrize("workers", [1, 2, 3, 6])
def test_no_test_is_lost_and_the_slow_ones_begin(workers: int, known: None) -> None:
    names = [f"q.py::{n}" for n in range(20)] + ["a.py::two", "w.py::many", "a.py::one"]
    order = durations.dealt(names, workers, ["w.py::many"])
    assert sorted(order) == list(range(len(names)))
    parts, rest = [], [names[number] for number in order]
    for left in range(workers, 0, -1):  # as the scheduler of xdist divides them
        size = len(rest) // left
        parts.append(rest[:size])
        rest = rest[size:]
    assert parts[0][0] == "w.py::many"
    heads = [part[0] for part in parts]
    assert set(heads) >= {"w.py::many", "a.py::one", "a.py::two"} or workers < 3
    if workers == 2:
        assert parts[0][:2] == ["w.py::many", "a.py::two"] and parts[1][0] == "a.py::one"


def test_xdist_divides_the_tests_evenly_as_the_order_expects() -> None:
    source = Path(worksteal.__file__).read_text(encoding="utf-8")
    assert "num_send = len(self.pending) // nodes_remaining" in source


def test_quick_is_what_is_measured_and_fast(known: None) -> None:
    assert durations.is_quick("q.py")
    assert not durations.is_quick("a.py") and not durations.is_quick("unknown.py")


def test_a_measured_run_becomes_the_table(tmp_path: Path) -> None:
    file = tmp_path / "junit.xml"
    case = '<testcase classname="tests.work.test_x" name="{}" time="{}">{}</testcase>'
    cases = [("one[sqlite]", 0.5, ""), ("one[postgresql]", 9, ""), ("two", 3, ""), ("three", 7, "<skipped/>")]
    file.write_text("<testsuite>" + "".join(case.format(*each) for each in cases) + "</testsuite>")
    assert durations.written(file).splitlines()[1:] == [
        "3.5 2 tests/work/test_x.py",
        "9.0 1 tests/work/test_x.py::one",
        "3.0 1 tests/work/test_x.py::two",
    ]


def test_every_test_has_one_kind(request: pytest.FixtureRequest) -> None:
    kinds = {"unit", "integration", "journeys", "crash", "pictures"}
    for item in request.session.items:
        assert len(kinds & {mark.name for mark in item.iter_markers()}) == 1, item.nodeid


@pytest.mark.parametrize(
    ("path", "fixtures", "kind"),
    [
        ("tests/test_conventions.py", [], "unit"),
        ("tests/screens/test_x.py", [], "unit"),
        ("tests/screens/test_x.py", ["snap_compare"], "pictures"),
        ("tests/screens/test_x.py", ["pictures"], "pictures"),
        ("tests/a_new_folder/test_x.py", [], "integration"),
        ("tests/world/test_world.py", [], "crash"),
        ("tests/journeys/test_life.py", [], "journeys"),
    ],
)
def test_the_folder_decides(path: str, fixtures: list[str], kind: str) -> None:
    assert selection.kind_of(path, fixtures) == kind
