"""Standard streams as shells, cron and log collectors leave them: closed, full, not read, not Unicode."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

from kvmtui.daemon import Stdout
from tests.program import clean_environment


def shell(home: Path, line: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A shell's line with `kvmtui` in it, in a process of its own."""
    return subprocess.run(
        ["/bin/sh", "-c", f'kvmtui() {{ "{sys.executable}" -m kvmtui "$@"; }}; {line}'],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=clean_environment(home) | environment,
    )


def test_closed_streams_are_no_error_and_no_file_takes_their_numbers(tmp_path: Path) -> None:
    done = shell(
        tmp_path, "kvmtui client add Acme --email a@b.example >&- 2>&- <&-; echo $?; kvmtui db check"
    )
    assert (done.stdout.splitlines()[0], done.stderr, done.returncode) == ("0", "", 0)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_result_that_cannot_be_written_is_a_failure_with_its_reason(tmp_path: Path) -> None:
    done = shell(tmp_path, "kvmtui cron --list --json >/dev/full")
    assert (done.returncode, done.stderr) == (
        1,
        "Cannot write to stdout: No space left on device. The result is incomplete.\n",
    )


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("arguments", ["--help", "--version", "vm --help", "vm list --help"])
def test_what_the_parser_prints_fails_like_a_result(tmp_path: Path, arguments: str) -> None:
    done = shell(tmp_path, f"kvmtui {arguments} >/dev/full")
    assert (done.returncode, done.stderr) == (
        1,
        "Cannot write to stdout: No space left on device. The result is incomplete.\n",
    )


def test_an_encoding_without_our_characters_still_gets_valid_json(tmp_path: Path) -> None:
    line = (
        "kvmtui client add Łódź --email a@b.example && kvmtui client list --json && kvmtui client show Łódź"
    )
    done = shell(tmp_path, line, PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert done.returncode == 0, done.stderr
    document, _, facts = done.stdout.partition("\n]\n")
    assert json.loads(document + "]")[0]["name"] == "Łódź"
    assert "??d?" in facts


class Full(io.StringIO):
    """A stream on a disk that is full until there is room."""

    room = False

    def flush(self) -> None:
        if not self.room:
            raise OSError(28, "No space left on device")


def test_an_engine_drops_lines_that_cannot_be_written_and_says_so_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    stream = Full()
    say = Stdout(stream)
    say("first")
    say("second")
    stream.room = True
    say("third")
    assert stream.getvalue().endswith("third\n")
    assert [one.getMessage() for one in caplog.records] == [
        "Cannot write to stdout: No space left on device. Lines are dropped."
    ]
