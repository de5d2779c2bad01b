"""`vm show --live` and `vm charts`, as scripts and people read them."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from functools import partial

import pytest

from engine.queries.charts import METRICS, in_unit
from engine.queries.descriptions import describe, lasting, rate
from engine.queries.live import live
from tests.conftest import Ran, Store
from tests.live.conftest import MAC, VMID, Make
from tests.pipelines.conftest import Site

Program = Callable[..., Ran]


@pytest.fixture
def run(kvmtui_process: Program, sqlite_store: Store) -> Program:
    """The program, on the database of the test."""
    return partial(kvmtui_process, KVMTUI_DB=sqlite_store.url, KVMTUI_SECRET_KEY_FILE=sqlite_store.key_file)


def test_drift_is_shown_in_words(site: Site, made: Make) -> None:
    vm = made(
        cores=4, scsi1="local-lvm:vm-5001-disk-1,size=8G", net0=f"virtio={MAC},bridge=vmbr1,tag=7,firewall=1"
    )
    view = live(vm.service_id)
    assert view.beside is not None
    assert [(each.name.strip(), each.real, each.sign, each.product) for each in describe(view.beside)] == [
        ("Processor", "4 cores", "!", "2 cores"),
        ("Memory", "2048 MiB", "=", "2048 MiB"),
        ("System disk", "20 GiB · scsi0 · local-lvm", "=", "20 GiB"),
        ("read/write", "100/– MB/s · –/500 IOPS", "=", "100/any MB/s · any/500 IOPS"),
        ("Additional disk", "8 GiB · scsi1 · local-lvm", "+", "5 GiB"),
        ("read/write", "no limit", "=", "any"),
        ("Network card", f"virtio {MAC}", "=", f"any {MAC}"),
        ("rate", "no limit", "!", "12 MB/s"),
        ("bridge", "vmbr1 · VLAN 7", "!", "vmbr0 · no VLAN"),
        ("firewall", "on", "=", "on"),
    ]


def test_show_live_says_so_and_its_json_names_the_drift(site: Site, made: Make, run: Program) -> None:
    ref = str(made(cores=4).service_id)
    words = run("vm", "show", ref, "--live")
    assert words.exit == 0 and "4 cores  ! product: 2 cores" in words.stdout and "running" in words.stdout
    found = json.loads(run("vm", "show", ref, "--live", "--json").stdout)
    assert found["live"]["drift"] == ["cores"] and found["live"]["looked"]["at"].endswith("Z")
    assert "live" not in json.loads(run("vm", "show", ref, "--json").stdout)


def test_what_cannot_be_seen_is_a_sentence_and_exit_1(site: Site, made: Make, run: Program) -> None:
    ref = str(made().service_id)
    site.lab.foreign_delete(VMID)
    shown, charted = run("vm", "show", ref, "--live"), run("vm", "charts", ref)
    assert shown.exit == 1 and "somebody removed it" in shown.stdout
    assert charted.exit == 1 and "somebody removed it" in charted.stderr


def test_charts_as_figures_csv_and_json(site: Site, made: Make, run: Program) -> None:
    ref = str(made().service_id)
    site.lab.advance(1200)
    site.lab.foreign_power(VMID, "stopped")
    site.lab.advance(1200)
    heads, *rows = run("vm", "charts", ref).stdout.splitlines()
    assert heads.split("\t") == ["Usage", "Now", "Average", "Maximum"] and len(rows) == len(METRICS)
    points = list(csv.DictReader(io.StringIO(run("vm", "charts", ref, "--csv").stdout)))
    assert list(points[0]) == ["time", *METRICS] and points[0]["time"].endswith("Z")
    assert {bool(point["net_in"]) for point in points} == {True, False}
    assert json.loads(run("vm", "charts", ref, "--span", "day", "--json").stdout)["span"] == "day"
    assert run("vm", "charts", ref, "--span", "decade").exit == 2
    assert run("vm", "charts", ref, "--csv", "--json").exit == 2


@pytest.mark.parametrize(
    ("value", "words"),
    [(None, "?"), (0.0, "0 B/s"), (999.0, "999 B/s"), (1234.0, "1.2 kB/s"), (999_960.0, "1.0 MB/s"),
     (2.5e14, "250 TB/s")],
)  # fmt: skip
def test_rates_read_well(value: float | None, words: str) -> None:
    assert rate(value) == in_unit("net_in", value) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(9, "9 s"), (61, "1 min"), (3_660, "1 h 1 min"), (266_400, "3 d 2 h"), (7_200, "2 h")],
)
def test_durations_read_well(seconds: int, words: str) -> None:
    assert lasting(seconds) == words
