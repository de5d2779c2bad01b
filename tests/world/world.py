"""One world: a cluster, a database, engines, neighbours and operators. A script is lived through, then judged."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

from engine.audit import Actor
from engine.errors import Refused
from engine.store import secrets
from engine.store.database import open_database, session
from engine.store.models import Address, Vm
from kvmtui.lab.dns.powerdns_lite import PowerDnsLite
from kvmtui.lab.mailbox import Mailbox
from kvmtui.manifest.applying import apply
from tests.world import (
    auditor,
    databases,
    faults,
    guards,
    hooks,
    neighbours,
    operators,
    processes,
    settling,
    witnesses,
)
from tests.world.script import Act, Script

SPEED = 60.0  # of the cluster's time
FIRST_VMID = 6000
KEY = "key-of-a-world"
ZONES = ("example.com", "20.10.in-addr.arpa", "30.10.in-addr.arpa")
PROGRAM_S = 60.0
MANIFEST = """
settings:
  general: {{default_timeout: 2, heavy_timeout: 3}}
  smtp: {{host: 127.0.0.1, port: {mail}, security: none, sender: noc@example.com}}
servers:
  - &server {{name: pve-a, hosts: [127.0.0.1], port: {a}, token_id: "{token_id}", token_secret: "{token_secret}",
     tls: {{fingerprint: "{fingerprint}"}}}}
  - {{<<: *server, name: pve-b, port: {b}}}
pools:
  - {{server: pve-a, type: IPv4, bridge: vmbr0, vlan: 0, gateway: 10.20.0.1, mask: 16, start: 10.20.0.10,
     stop: 10.20.0.29}}
  - {{server: pve-b, type: IPv4, bridge: vmbr1, vlan: 0, gateway: 10.30.0.1, mask: 16, start: 10.30.0.10,
     stop: 10.30.0.29}}
zones:
{zones}
products:
  - {{name: small, server: pve-a, template: 9010, clone: linked, first_vmid: {first}, name_rule: "vm-{{service_id}}",
     main_domain: example.com, cores: 1, memory: 1024, snapshots: 3, backups: 2, backup_storage: backup,
     iso_storage: iso}}
  - {{name: full, server: pve-a, template: 9002, clone: full, first_vmid: {first}, name_rule: "vm-{{service_id}}",
     main_domain: example.com, cores: 2, memory: 1024, snapshots: 3, backups: 2, backup_storage: backup,
     iso_storage: iso, system_disk: {{storage: local-lvm, size: 3, mbps_rd: 50}},
     additional_disk: {{storage: local-lvm, size: 2}}}}
  - {{name: distant, server: pve-b, template: 9010, clone: linked, first_vmid: {distant},
     name_rule: "vm-{{service_id}}", main_domain: example.com, cores: 1, memory: 512, snapshots: 1, backups: 1,
     backup_storage: backup, iso_storage: iso}}
clients:
  - {{name: Acme, email: ops@acme.example}}
"""


class Engine:
    """One daemon: started, killed, frozen."""

    def __init__(self, world: World, number: int) -> None:
        self.world, self.number = world, number
        self.clock_file = world.clock_file(number)
        self.clock = hooks.Clock(self.clock_file)
        self.pid = self._said_before = 0
        self._lock = threading.RLock()

    def start(self) -> None:
        """Run it, unless it runs."""
        with self._lock:
            if not self.pid or self.world.stable.wait(self.pid, 0) is not None:
                self._said_before = len(self._said())
                self.pid = self.world.start_program(["--daemon"], self.clock_file, self._output)

    @property
    def _output(self) -> str:
        return f"engine-{self.number}.out"

    def _said(self) -> bytes:
        """What it has printed since its first start."""
        file = self.world.folder / self._output
        return file.read_bytes() if file.exists() else b""

    def signal(self, pid: int, number: int) -> bool:
        """Send a signal to the process that had this pid, if it is still there."""
        with self._lock:
            if pid != self.pid or self.world.stable.wait(pid, 0) is not None:
                return False
            os.kill(pid, number)
            return True

    def kill(self) -> None:
        """SIGKILL, and wait until it is gone."""
        with self._lock:
            if self.signal(self.pid, signal.SIGKILL):
                self.world.stable.wait(self.pid, 10)

    def stop(self) -> None:
        """SIGTERM must end it; one that has not begun to work may end by the signal itself."""
        self.signal(self.pid, signal.SIGCONT)
        self.signal(self.pid, signal.SIGTERM)
        status = self.world.stable.wait(self.pid, 20)
        works = b" daemon started " in self._said()[self._said_before :]
        if status != 0 and (works or status != -signal.SIGTERM):
            self.world.finding("engine", f"engine {self.number} ended with {status} after SIGTERM")


class World:
    """`World(script, folder, template).run()` returns what the auditor found."""

    def __init__(self, script: Script, folder: Path, template: Path) -> None:
        self.script, self.folder, self.template = script, folder, template
        self.findings: list[tuple[str, str]] = []
        self.promises: list[tuple[int, int, int]] = []  # act, service, request
        self.promised_by_login: list[tuple[int, int]] = []  # act, service
        self.crashing = threading.Lock()
        self.disturbances: list[tuple[float, float]] = []
        self.first_vmid = FIRST_VMID
        self._began = time.monotonic()
        self._said = threading.Lock()
        self._log = (folder / "world.log").open("a", buffering=1)

    def run(self) -> list[tuple[str, str]]:
        """Live through the script; everything that was wrong."""
        (self.folder / "home").mkdir(mode=0o700)
        self.lab_pid, self.lab = processes.start_lab(SPEED, self.folder / "lab.out")
        self.stable = processes.Stable()
        with ExitStack() as stack:
            self.database = stack.enter_context(databases.of_kind(self.script.db, self.template, self.folder))
            self.dns, self.mail = PowerDnsLite(KEY), Mailbox()
            self.dns.start()
            stack.callback(self.dns.stop)
            stack.enter_context(self.mail)
            self.gates = neighbours.gates(
                {
                    "pve-a": self.lab.port,
                    "pve-b": self.lab.port,
                    "dns": urlsplit(self.dns.url).port or 0,
                    "mail": self.mail.port,
                }
            )
            self._set_up()
            self.hands = neighbours.Hands(self)
            self.auditor = auditor.Auditor(self)
            self.engines = [Engine(self, number) for number in range(self.script.engines)]
            for engine in self.engines:
                engine.start()
            self._live()
        return self.findings

    def end_processes(self) -> None:
        """End the cluster and the process that forks, and all that is left of theirs."""
        self.stable.close()
        os.kill(self.lab_pid, signal.SIGTERM)
        os.waitpid(self.lab_pid, 0)
        os.waitpid(self.stable.pid, 0)

    def _live(self) -> None:
        with ThreadPoolExecutor(
            16
        ) as pool:  # its threads stay: a database server ends with the thread that started it
            try:
                self.auditor.start()
                acts = list(enumerate(self.script.acts))
                for number, act in acts:
                    if act.at < 0:
                        self._perform(number, act)
                settling.wait_for_rest(self)
                self._began = time.monotonic()
                running = []
                for number, act in acts:
                    if act.at >= 0:
                        time.sleep(max(0.0, self._began + act.at - time.monotonic()))
                        running.append(pool.submit(self._perform, number, act))
                for one in running:
                    one.result(120)
                settling.settle(self)
            finally:
                self.auditor.stop()
                for engine in self.engines:
                    engine.stop()
            self.auditor.judge()

    def _perform(self, number: int, act: Act) -> None:
        try:
            if act.actor == "operator":
                operators.perform(self, number, act)
            else:
                self.say(number, act, "")
                faults.ACTS[act.act](self, dict(act.args))
        except Exception as error:
            self.finding("program", f"act {number} {act.line()} broke: {type(error).__name__}: {error}")

    def _set_up(self) -> None:
        for zone in ZONES:
            self.dns.add_zone(zone)
        self.clock_file_here = self.clock_file(0 if self.script.db == "sqlite" else 99)
        self.clocks = [hooks.Clock(self.clock_file_here)]
        hooks.step_clock(self.clock_file_here)
        guards.remove(self.script.without)
        open_database(self.database.url)
        secrets.use_key_file(self.folder / "home" / "secret.key")
        zones = "\n".join(
            f'  - {{zone: {zone}, type: powerdns, server_url: "http://127.0.0.1:{self.gates["dns"].port}", '
            f"api_key: {KEY}}}"
            for zone in ZONES
        )
        manifest = MANIFEST.format(
            a=self.gates["pve-a"].port, b=self.gates["pve-b"].port, mail=self.gates["mail"].port, zones=zones,
            first=FIRST_VMID, distant=FIRST_VMID + 1000, token_id=self.lab.token_id,
            token_secret=self.lab.token_secret, fingerprint=self.lab.fingerprint,
        )  # fmt: skip
        file = self.folder / "site.yaml"
        file.write_text(manifest)
        file.chmod(0o600)
        apply(file, Actor("world"))
        witnesses.install()

    def clock_file(self, number: int) -> Path:
        """The clock of a host: on SQLite all share one."""
        return self.folder / ("clock" if self.script.db == "sqlite" else f"clock-{number}")

    def start_program(self, argv: list[str], clock: Path, output: str, login: str = "") -> int:
        """Start the program in a process of its own; returns its pid."""
        return self.stable.start(
            argv, self.folder / "home", self.folder / output,
            db=self.database.url, clock=str(clock), without=self.script.without, login=login,
        )  # fmt: skip

    def run_program(self, argv: list[str], login: str) -> int | None:
        """Run a command line to its end; its exit status."""
        pid = self.start_program(argv, self.clock_file_here, "programs.out", login)
        status = self.stable.wait(pid, PROGRAM_S)
        if status is None:
            self.finding("operator", f"kvmtui {' '.join(argv)} did not end within {PROGRAM_S:.0f} s")
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return status

    def newest_backup(self, service: int) -> str:
        """The newest backup of a service's VM, as the cluster has it."""
        with session():
            vm = Vm.get_or_none(Vm.service == service)
        found = [
            v["volid"]
            for v in self.lab.get("volumes")
            if v["content"] == "backup" and vm and v["vmid"] == vm.vmid
        ]
        if not found:
            raise Refused("there is no backup")
        return str(sorted(found)[-1])

    def address(self, service: int) -> str:
        """The main address of a service's VM."""
        with session():
            row = Address.select().join(Vm).where(Vm.service == service).order_by(Address.position).first()
        if row is None:
            raise Refused("there is no address")
        return str(row.address)

    def disturb(self, seconds: float = 0.0, after: float = 0.0) -> None:
        """Note that for the last seconds, and for some to come, some engine could not do what it should."""
        self.disturbances.append((time.time() - seconds, time.time() + after))

    def say(self, number: int, act: Act, answer: str) -> None:
        """Note what was done and what came of it."""
        self.note(
            f"#{number} {act.actor} {act.act} {act.args} -> {answer}" if answer else f"#{number} {act.line()}"
        )

    def note(self, text: str) -> None:
        """A line for whoever looks into what happened."""
        with self._said:
            self._log.write(f"{time.time():.3f} {time.monotonic() - self._began:7.3f} {text}\n")

    def finding(self, about: str, sentence: str) -> None:
        """Something that must not be."""
        with self._said:
            if (about, sentence) not in self.findings:
                self.findings.append((about, sentence))
        self.note(f"FINDING {about}: {sentence}")


def live(script: Script, folder: Path, template: Path) -> tuple[list[tuple[str, str]], float]:
    """Run a world in this process, which must have no threads yet; what was wrong, and the CPU seconds it took."""
    world = World(script, folder, template)
    try:
        found = world.run()
    finally:
        world.end_processes()
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return found, sum(one.ru_utime + one.ru_stime for one in used)
