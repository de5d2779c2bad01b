"""The command line as scripts and operators meet it: the real program, its output and its exit status."""

from __future__ import annotations

import json
import os
import pty
import select
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.conftest import Ran, clean_environment
from tests.manifest.conftest import SITE

Program = Callable[..., Ran]
VM_FIELDS = [
    "service_id", "client", "product", "server", "vmid", "name", "fqdn", "node", "vm_status", "service_status",
    "remote_status", "remote_lock", "mac", "ips", "last_run",
]  # fmt: skip
POOL_FIELDS = [
    "id", "server", "type", "bridge", "vlan", "gateway", "mask", "dns1", "dns2", "start", "stop", "total", "used",
    "free", "rdns_zone", "full",
]  # fmt: skip


def test_apply_says_what_it_did_once(kvmtui: Program, tmp_path: Path) -> None:
    file = tmp_path / "site.yaml"
    file.write_text(SITE)
    dry = kvmtui("apply", str(file), "--dry-run")
    assert "+ create server pve-waw1" in dry.stdout and "= same" not in dry.stdout.split("+ create server")[1]
    first = kvmtui("apply", str(file))
    assert "+ create service 5546" in first.stdout
    assert "token-secret" not in dry.stdout + first.stdout
    again = kvmtui("apply", str(file))
    assert (again.exit, again.stdout, again.stderr) == (0, "", "")
    same = kvmtui("apply", str(file), "--dry-run")
    assert all(line.startswith("= same ") for line in same.stdout.splitlines())
    file.write_text(SITE.replace("memory: 2048", "memory: 4096"))
    assert "~ change product VPS-2 memory: 2048 -> 4096" in kvmtui("apply", str(file)).stdout
    as_json = json.loads(kvmtui("apply", str(file), "--dry-run", "--json").stdout)
    assert (as_json["changed"], as_json["dry_run"]) == (0, True)


def test_a_bad_manifest_is_exit_2_with_file_and_line(kvmtui: Program, tmp_path: Path) -> None:
    file = tmp_path / "bad.yaml"
    file.write_text("clients:\n  - name: a\n    email: nonsense\n    colour: red\n")
    done = kvmtui("apply", str(file))
    assert (done.exit, done.stdout) == (2, "")
    assert done.stderr.splitlines() == [
        f"{file}:3: clients[0].email: 'nonsense' is not an e-mail address.",
        f"{file}:4: clients[0].colour: unknown key.",
    ]
    assert json.loads(kvmtui("client", "list", "--json").stdout) == []


def test_export_and_apply_round(site: Program, tmp_path: Path) -> None:
    file = tmp_path / "out.yaml"
    assert site("export", str(file)).exit == 0
    assert file.stat().st_mode & 0o777 == 0o600
    assert site("export").stdout == file.read_text()
    assert (site("apply", str(file)).exit, site("apply", str(file)).stdout) == (0, "")


def test_json_has_the_promised_fields(site: Program) -> None:
    (vm,) = json.loads(site("vm", "list", "--json").stdout)
    assert set(VM_FIELDS) <= set(vm)
    assert (vm["service_id"], vm["vm_status"], vm["last_run"], vm["ips"]) == (5546, "creation", None, [])
    pools = json.loads(site("pool", "list", "--json").stdout)
    assert list(pools[0]) == POOL_FIELDS
    assert pools[0]["rdns_zone"] == "130.168.192.in-addr.arpa"
    shown = json.loads(site("service", "show", "5546", "--json").stdout)
    assert shown["created"].endswith("Z") and shown["options"] == {"cores": 4, "ipv6": 0}
    for noun in ("server", "zone", "product", "client", "service"):
        done = site(noun, "list", "--json")
        assert isinstance(json.loads(done.stdout), list) and done.stderr == ""
    assert json.loads(site("product", "show", "VPS-2", "--json").stdout)["memory"] == 2048


def test_a_piped_table_is_plain_and_an_empty_one_is_silent(kvmtui: Program) -> None:
    empty = kvmtui("pool", "list")
    assert (empty.exit, empty.stdout) == (0, "") and "no pools" in empty.stderr
    kvmtui("client", "add", "Äcme 😀", "--email", "a@b.example")
    assert kvmtui("client", "list").stdout.splitlines()[1] == "1\tÄcme 😀\ta@b.example\ten\t0"


REFUSED = {
    ("pol", "list"): "Did you mean 'pool'?",
    ("pool", "lst"): "Did you mean 'list'?",
    ("pool", "list", "--nope"): "No such option: --nope",
    ("server", "show", "pve-waw"): "Did you mean 'pve-waw1'?",
    ("pool", "show", "99"): "Pool '99' not found",
    ("zone", "show", "example.con"): "Did you mean 'example.com'?",
    ("vm", "show", "vmid:2"): "No VM has VMID 2.",
    ("vm", "show", "2"): "A VMID is written vmid:2",
    ("service", "create", "--client", "Acmee", "--product", "VPS-2"): "Did you mean 'Acme'?",
    (
        "service",
        "create",
        "--client",
        "Acme",
        "--product",
        "VPS-2",
        "--id",
        "5546",
    ): "Service 5546 already exists",
    (
        "service",
        "create",
        "--client",
        "Acme",
        "--product",
        "VPS-2",
        "--option",
        "coers=1",
    ): "Did you mean 'cores'",
    ("service", "create", "--client", "Acme", "--product", "VPS-2", "--option", "cores"): "is not KEY=VALUE",
    ("client", "add", "Acme", "--email", "a@b.example"): "The client 'Acme' already exists",
    ("client", "edit", "Acme", "--email", "nonsense"): "is not an e-mail address",
    ("client", "delete", "Acme", "--yes"): "these services need it: 5546",
    ("server", "delete", "pve-waw1", "--yes"): "these services need it: 5546",
    ("product", "delete", "VPS-2", "--yes"): "these services need it: 5546",
    ("service", "delete", "5546", "--yes"): "these VMs need it",
    ("server", "delete", "pve-old"): "or --yes",
    ("pool", "edit", "1", "--stop", "192.168.131.9"): "is outside",
    ("server", "edit", "pve-waw1", "--name", "pve-old"): "Another server is already named 'pve-old'",
    ("zone", "add", "x.example", "--type", "powerdns", "--server-url", "http://x:1"): "--secret-file",
    ("product", "edit", "VPS-2", "--set", "netwrok.model=e1000"): "netwrok",
    ("--read-only", "client", "edit", "Acme", "--language", "de"): "--read-only",
    ("--read-only", "apply", "/dev/null"): "--read-only",
    ("--daemon", "pool", "list"): "cannot be combined with a command",
    ("apply", "/nowhere.yaml"): "No such file or directory",
    ("export", "/nowhere/site.yaml"): "cannot be written",
}


def test_what_is_refused_is_exit_2_in_one_sentence_and_changes_nothing(site: Program) -> None:
    before = site("export").stdout
    for arguments, sentence in REFUSED.items():
        done = site(*arguments)
        assert done.exit == 2, (arguments, done)
        assert sentence in done.stderr, (arguments, done.stderr)
        assert done.stdout == "" and "Traceback" not in done.stderr
    assert site("export").stdout == before


def test_objects_are_added_changed_and_deleted(site: Program, tmp_path: Path) -> None:
    def ok(*arguments: str, **given: Any) -> Ran:
        done = site(*arguments, **given)
        assert done.exit == 0, (arguments, done)
        return done

    ok(
        "server",
        "add",
        "s2",
        "--host",
        "10.0.0.1",
        "--token-id",
        "a@pve!bb",
        "--secret-file",
        "-",
        stdin="shh-1\n",
    )
    ok("server", "edit", "s2", "--state", "paused", "--host", "10.0.0.2", "--host", "10.0.0.3", "--system-ca")
    shown = json.loads(ok("server", "show", "s2", "--json").stdout)
    assert (shown["state"], shown["hosts"], shown["tls"]) == (
        "paused",
        ["10.0.0.2", "10.0.0.3"],
        {"system": True},
    )
    pool = (
        "--type",
        "IPv4",
        "--gateway",
        "10.9.0.1",
        "--mask",
        "24",
        "--start",
        "10.9.0.2",
        "--stop",
        "10.9.0.9",
    )
    ok("pool", "add", "--server", "s2", *pool)
    ok("pool", "edit", "s2/10.9.0.2", "--stop", "10.9.0.8", "--set", "excluded=10.9.0.5")
    assert json.loads(ok("pool", "show", "10.9.0.2", "--json").stdout)["total"] == 6
    zone = ("zone", "add", "z.example", "--type", "powerdns", "--server-url", "http://127.0.0.1:1")
    ok(*zone, "--secret-env", "PDNS", PDNS="shh-2")
    ok("zone", "edit", "z.example", "--ttl", "60")
    assert json.loads(ok("zone", "show", "z.example", "--json").stdout)["ttl"] == 60
    ok(
        "product",
        "add",
        "P1",
        "--server",
        "s2",
        "--template",
        "debian-12",
        "--disk",
        "10",
        "--set",
        "network.ipv6=2",
    )
    ok("product", "edit", "P1", "--memory", "512", "--name", "P2")
    product = json.loads(ok("product", "show", "P2", "--json").stdout)
    assert (product["memory"], product["network"]["ipv6"], product["system_disk"]["size"]) == (512, 2, 10)
    ok("client", "add", "C1", "--email", "a@b.example")
    ok("client", "edit", "C1", "--name", "C2")
    made = ok("service", "create", "--client", "C2", "--product", "P2", "--option", "cores=3", "--json")
    number = json.loads(made.stdout)["id"]
    assert number == 5547
    ok("service", "options", str(number), "--option", "memory=900", "--clear", "cores")
    assert json.loads(ok("service", "options", str(number), "--json").stdout)["options"] == {"memory": 900}
    assert "shh-" not in ok("export").stdout
    ok("zone", "delete", "z.example", "--yes")
    ok("pool", "delete", "10.9.0.2", "--yes")
    ok("server", "delete", "pve-old", "--yes")


def test_a_name_that_means_two_things_is_refused(site: Program) -> None:
    zone = ("zone", "add", "example.com", "--type", "cloudflare", "--zone-id", "z9", "--secret-env", "T")
    assert site(*zone, T="tok-9").exit == 0
    done = site("zone", "show", "example.com")
    assert done.exit == 2 and "more than one zone" in done.stderr
    assert site("zone", "show", "example.com/cloudflare").exit == 0


def test_help_teaches_every_verb_with_an_example(kvmtui: Program) -> None:
    from kvmtui import cli

    def walk(command: Any, path: list[str]) -> list[tuple[list[str], Any]]:
        names = command.list_commands(None) if hasattr(command, "list_commands") else []
        if not names:
            return [(path, command)]
        return [each for name in names for each in walk(command.get_command(None, name), [*path, name])]

    mine = ("server", "pool", "zone", "product", "client", "service", "vm", "apply", "export")
    verbs = [verb for verb in walk(cli.command(), []) if verb[0][0] in mine]
    assert len(verbs) > 40
    for path, command in verbs:
        assert f"kvmtui {' '.join(path)}" in (command.help or ""), path
    assert "kvmtui pool edit 3" in kvmtui("pool", "edit", "--help").stdout


def test_names_are_completed(site: Program) -> None:
    def complete(words: str) -> list[str]:
        given = {
            "_KVMTUI_COMPLETE": "complete_bash",
            "COMP_WORDS": words,
            "COMP_CWORD": len(words.split(" ")) - 1,
        }
        return site(**given).stdout.split()

    assert complete("kvmtui server show p") == ["pve-old", "pve-waw1"]
    assert complete("kvmtui vm show 55") == ["5546"]
    assert "service" in complete("kvmtui ser")
    assert "change-package" in complete("kvmtui service ch")


def test_the_version(kvmtui: Program) -> None:
    import kvmtui as package

    assert kvmtui("--version").stdout == f"kvmtui {package.__version__}\n"


def test_a_reader_that_goes_away_is_no_error(site: Program, home: Path) -> None:
    command = f"{sys.executable} -m kvmtui product show VPS-2 | true; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", command], env=clean_environment(home), capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_an_unexpected_error_is_a_sentence_and_a_log(
    kvmtui_process: Program, home: Path, tmp_path: Path
) -> None:
    kvmtui_process("pool", "list")
    (home / "sitecustomize.py").write_text(
        "import sys\nsys.modules['engine.queries.pools'] = None  # importing it raises ImportError\n"
    )
    done = kvmtui_process("pool", "list", PYTHONPATH=str(home))
    assert (done.exit, done.stdout) == (1, "")
    assert "did not expect (ModuleNotFoundError)" in done.stderr and "Traceback" not in done.stderr
    log = home / "logs" / "kvmtui.log"
    assert str(log) in done.stderr and "Traceback" in log.read_text()


def test_a_headless_verb_does_not_import_textual(kvmtui: Program, home: Path) -> None:
    code = (
        "import sys; from kvmtui.terminal.exits import run; run(['pool', 'list']); "
        "sys.exit('textual' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=clean_environment(home), capture_output=True, check=False
    )
    assert done.returncode == 0


def terminal(home: Path, *arguments: str, typed: str = "", **environment: str) -> tuple[int, str]:
    """The program on a real terminal of 80 columns: its exit status and what stood on the screen.

    The answer is typed once the question is shown.
    """
    child, screen = pty.fork()
    if child == 0:
        os.execve(
            sys.executable,
            [sys.executable, "-m", "kvmtui", *arguments],
            clean_environment(home) | {"COLUMNS": "80", "TERM": "xterm"} | environment,
        )
    seen = b""
    while part := _said(screen):
        seen += part
        if typed and seen.endswith(b"to continue: "):
            os.write(screen, typed.encode())
            typed = ""
    os.close(screen)  # hangs up, which ends a program that still waits
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), seen.decode()


def _said(screen: int) -> bytes:
    """The next output; nothing if the program has exited or prints nothing before the timeout."""
    if not select.select([screen], [], [], 30)[0]:
        return b""
    try:
        return os.read(screen, 65536)
    except OSError:
        return b""


def test_on_a_terminal_the_table_fits_and_the_name_is_asked_for(site: Program, home: Path) -> None:
    status, screen = terminal(home, "pool", "list")
    assert status == 0 and all(
        len(line) <= 80 for line in screen.replace("\r", "").split("\n") if "\x1b" not in line
    )
    status, screen = terminal(home, "pool", "list", NO_COLOR="1")
    assert status == 0 and "\x1b[3" not in screen
    status, screen = terminal(home, "server", "delete", "pve-old", typed="pve-new\n")
    assert status == 2 and "That is not the name" in screen
    status, screen = terminal(home, "server", "delete", "pve-old", typed="pve-old\n")
    assert status == 0 and "was deleted" in screen


def test_control_c_at_a_question_is_clean(site: Program, home: Path) -> None:
    status, screen = terminal(home, "server", "delete", "pve-old", typed="\x03")
    assert status == 130 and "Interrupted." in screen and "Traceback" not in screen
    assert "pve-old" in site("server", "list").stdout


def test_vm_show_lists_what_was_promised_until_it_is_done(site: Program) -> None:
    asked = site("vm", "dns", "5546")
    assert asked.exit == 0
    shown = json.loads(site("vm", "show", "5546", "--json").stdout)
    assert [(one["action"], one["state"]) for one in shown["requests"]] == [
        ("Deploy", "queued"),
        ("SetDnsRecords", "queued"),
    ]
    assert all(one["requested_by"] and one["requested"].endswith("Z") for one in shown["requests"])
    assert "SetDnsRecords queued" in site("vm", "show", "5546").stdout
    assert site("vm", "reset", "5546", "creation").exit == 0
    (left,) = json.loads(site("vm", "show", "5546", "--json").stdout)["requests"]
    assert (left["action"], left["state"]) == ("Deploy", "queued")
