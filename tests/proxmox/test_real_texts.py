"""What real Proxmox VE 8.4 and 9.2 nodes said, text by text, and what each text means.

The texts were recorded on real nodes; VMIDs and names are those of the recording.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from engine.proxmox import FaultKind, Guest, ProxmoxError, task_ending
from engine.proxmox.fault_table import OTHERWISE, rule_for

_HERE = Path(__file__).resolve()
RECORDED = next(
    (found for up in _HERE.parents if (found := up / "shared" / "data" / "pve-real").exists()), _HERE / "none"
)
P, G, T, A, B = FaultKind.PERMANENT, FaultKind.GONE, FaultKind.TRANSIENT, FaultKind.AUTH, FaultKind.BUSY
NO_CONFIG = "Configuration file 'nodes/pve1/qemu-server/4242.conf' does not exist"
CHPASSWD = (
    "Agent error: child process has failed to set user password: "
    "failed to exec 'chpasswd': No such file or directory"
)
CONFIG_DENIED = "unable to open file '/etc/pve/nodes/pve1/qemu-server/9200.conf.tmp.7256' - Permission denied"
PARAMETER = "Parameter verification failed. "

ANSWERS = [
    (401, "No ticket", A, "login_refused"),
    (401, "Authentication failed!", A, "login_refused"),
    (401, "authentication failure", A, "login_refused"),
    (401, "permission denied - invalid PVEVNC ticket", A, "ticket_refused"),
    (403, "Permission check failed (/storage/iso, Datastore.AllocateSpace)", P, "no_privilege"),
    (403, "Permission check failed (/sdn/zones/localnetwork/vmbr1, SDN.Use)", P, "no_privilege"),
    (403, "Permission check failed (/, Sys.Audit)", P, "no_privilege"),
    (403, "Permission check failed (/nodes/pve2, Sys.Audit)", P, "no_privilege"),
    (403, "Permission check failed (pool 'x' does not exist)", P, "no_pool"),
    (403, "Permission check failed (, Pool.Allocate)", P, "bad_parameters"),
    (501, "Method 'GET /nope' not implemented", P, "not_implemented"),
    (501, "Unexpected content for method 'DELETE'", P, "bad_parameters"),
    (501, "for data too large", P, "bad_parameters"),
    (506, "bad header", P, "not_implemented"),
    (595, "Connection refused", T, "daemon_down"),
    (595, "No route to host", T, "node_unreachable"),
    (596, "Broken pipe", T, "forward_broken"),
    (596, "Connection reset by peer", T, "forward_broken"),
    (500, "VM is locked (suspended)", P, "suspended"),
    (500, "VM is locked (suspending)", B, "locked"),
    (500, CONFIG_DENIED, T, "no_quorum"),
    (500, "cluster not ready - no quorum?", T, "no_quorum"),
    (500, "cfs-lock 'firewall-vm-2015' error: no quorum!", T, "no_quorum"),
    (500, NO_CONFIG, G, "no_config"),
    (500, "unable to find configuration file for VM 4242 on node 'pve1'", G, "no_config"),
    (500, "unable to create VM 2001: config file already exists", P, "id_taken"),
    (500, "parameter 'storage' not allowed for linked clones", P, "bad_parameters"),
    (500, "storage 'nost' does not exist", P, "no_storage"),
    (500, "no such cluster node 'nope'", P, "no_node"),
    (
        500,
        "hostname lookup 'nope' failed - failed to get address info for: nope: Temporary failure in name resolution",
        P,
        "no_node",
    ),
    (500, "no options specified", P, "bad_parameters"),
    (500, "checksum mismatch (file change by other user?)", T, "changed_meanwhile"),
    (
        500,
        "detected modified configuration - file changed by other user? Try again.",
        T,
        "changed_meanwhile",
    ),
    (500, "unable to parse directory volume name 'vm-2002-disk-9'", P, "bad_parameters"),
    (500, "volume 'iso:iso/none.iso' does not exist", G, "no_volume"),
    (500, "SSH public key validation error", P, "bad_parameters"),
    (500, "only root can set 'lock' config", P, "root_only"),
    (500, "Only root can pass arbitrary filesystem paths.", P, "root_only"),
    (500, "ide3 - cloud-init drive is already attached at 'ide2'", P, "already_exists"),
    (500, "VM 2002 not running", P, "not_running"),
    (500, "VM 9000 is not running", P, "not_running"),
    (500, "VM 2001 is running - destroy failed", P, "still_running"),
    (500, "can't remove VM 2016 - protection mode enabled", P, "protected"),
    (500, "no such IPSet 'zz'", G, "no_item"),
    (500, "no such alias 'nope'", G, "no_item"),
    (500, "IPSet 'zz' is not empty", P, "not_empty"),
    (500, "unable to use snapshot name 'current' (reserved name)", P, "bad_parameters"),
    (
        500,
        "RRD error: rrdcached@unix:/var/run/rrdcached.sock: rrd_fetch_r failed: opening "
        "'/var/lib/rrdcached/db/pve-vm-9.0/2017': No such file or directory",
        G,
        "no_usage",
    ),
    (
        500,
        "RRD error: rrdcached@unix:/var/run/rrdcached.sock: rrd_fetch_r failed: opening "
        "'/var/lib/rrdcached/db/pve2-vm/4242': No such file or directory",
        G,
        "no_usage",
    ),
    (500, CHPASSWD, P, "agent_failed"),
    (500, "you can't convert a VM to template if VM is running", P, "still_running"),
    (500, "you can't convert a template to a template", P, "is_template"),
    (500, "disk 'scsi9' does not exist", G, "no_item"),
    (500, "pool 'x' does not exist", G, "no_item"),
    (500, "role 'x' does not exist", G, "no_item"),
    (500, "security group 'x' does not exist", G, "no_item"),
    (500, "alias 'x' does not exist", G, "no_item"),
    (500, "interface does not exist", G, "no_item"),
    (500, "Agent error: PID 4711 does not exist", G, "no_item"),
    (500, "volume_size_info on 'disks:2001/vm-2001-disk-9.qcow2' failed - no format", G, "no_volume"),
    (500, "cannot index groups: ha groups have been migrated to rules", P, "no_ha_groups"),
    (500, "resource 'vm:100' is not HA managed", G, "no_item"),
    (400, PARAMETER + "storage: No such storage.", P, "no_storage"),
    (400, PARAMETER + "storage: storage 'iso' does not support vm images", P, "no_storage"),
    (400, PARAMETER + "skiplock: Only root may use this option.", P, "root_only"),
    (400, PARAMETER + "keephugepages: Only root may set this option.", P, "root_only"),
    (400, PARAMETER + "upid: no such task", G, "no_task"),
    (400, PARAMETER + "upid: unable to parse worker upid", G, "no_task"),
    (400, PARAMETER + "vmid: VM 2001 already exists", P, "id_taken"),
    (400, PARAMETER + "name: IPSet 'zz' already exists", P, "already_exists"),
    (400, PARAMETER + "cidr: address '10.0.0.2' already exists", P, "already_exists"),
    (400, PARAMETER + "target: target is local node.", P, "bad_parameters"),
    (400, PARAMETER + "memory: invalid format - format error memory.current: …", P, "bad_parameters"),
    (400, PARAMETER + "timeframe: value 'eon' does not have a value in the enumeration", P, "bad_parameters"),
]
ENDINGS = [
    ("cannot remove protected volume 'backup:backup/vzdump-qemu-2001.vma.zst'", P, "protected"),
    ("volume 'disks:9000/base-9000-disk-0.qcow2' does not exist", G, "no_volume"),
    ("disk 'scsi9' does not exist", G, "no_item"),
    ("snapshot 'none' does not exist", G, "no_item"),
    (NO_CONFIG, G, "no_config"),
    ("unable to find configuration file for VM 4242 on node 'pve1'", G, "no_config"),
    ("you can't start a vm if it's a template", P, "is_template"),
    ("you can't take a snapshot if it's a template", P, "is_template"),
    ("you can't resize a cdrom", P, "bad_parameters"),
    ("VM 2001 already running", P, "already_running"),
    ("shrinking disks is not supported", P, "shrink"),
    ("snapshot name 'probe1' already used", P, "already_exists"),
    (
        "base volume 'disks:9000/base-9000-disk-0.qcow2' is still in use by linked cloned",
        P,
        "base_in_use",
    ),
    (
        "could not activate storage 'nost': storage 'nost' does not exist could not get storage information "
        "for 'nost': storage 'nost' does not exist",
        P,
        "no_storage",
    ),
    (
        "could not get storage information for 'disks': can't use storage 'disks' for backups - wrong content type",
        P,
        "no_storage",
    ),
    (CONFIG_DENIED, T, "no_quorum"),
    ("can't lock file '/var/lock/qemu-server/lock-2017.conf' - got timeout", B, "lock_timeout"),
    ("VM quit/powerdown failed - got timeout", T, "shutdown_ignored"),
    ("VM is locked (suspended)", P, "suspended"),
]
START_LOG = (
    "generating cloud-init ISO",
    "Warning: sch_htb: quantum of class 10001 is big. Consider r2q change.",
    "Error: TC classifier not found.",
    "We have an error talking to the kernel",
    "command '/sbin/tc filter add dev tap2000i0 parent ffff: prio 50 basic police rate 12582912bps burst 1048576b "
    "mtu 64kb drop' failed: exit code 2",
    "kvm: -netdev type=tap,id=net0,ifname=tap2000i0,script=/usr/libexec/qemu-server/pve-bridge: network script "
    "/usr/libexec/qemu-server/pve-bridge failed with status 512",
    "TASK ERROR: start failed: QEMU exited with code 1",
)


def backup_log(why: str) -> list[str]:
    """The log of a backup that failed, as a real node wrote it."""
    return [
        "INFO: starting new backup job: vzdump 6000 --storage backup --node pve1",
        "ERROR: VM 6000 not running",
        "VM 6000 not running",
        f"ERROR: Backup of VM 6000 failed - {why}",
        "INFO: Failed at 2026-11-28 04:28:50",
        "INFO: Backup job finished with errors",
        "TASK ERROR: job errors",
    ]


@pytest.mark.parametrize(("status", "said", "kind", "name"), ANSWERS)
def test_an_answer_of_a_real_node_has_its_kind_and_its_sentence(
    serve: Any, connect: Any, world: Any, status: int, said: str, kind: FaultKind, name: str
) -> None:
    reason, _, errors = said.partition(PARAMETER)
    reply = world.reply(status=status, reason=reason or PARAMETER.strip())
    if errors:
        key, _, text = errors.partition(": ")
        reply = world.reply(status=status, reason=PARAMETER.strip(), errors={key: text})
    with pytest.raises(ProxmoxError) as caught:
        connect(serve(lambda seen: reply)).nodes()
    fault = caught.value
    assert (fault.kind, fault.reason) == (kind, name)
    assert ".." not in fault.sentence and ".”." not in fault.sentence and "  " not in fault.sentence
    assert said.rstrip(".") in fault.sentence


@pytest.mark.parametrize(("exitstatus", "kind", "name"), ENDINGS)
def test_a_task_of_a_real_node_has_its_kind(exitstatus: str, kind: FaultKind, name: str) -> None:
    ending = task_ending(exitstatus)
    assert (ending.kind, ending.reason) == (kind, name)
    sentence = ending.error("Starting").sentence
    assert f"“{exitstatus}”." in sentence and ".." not in sentence


def test_a_failed_start_says_why() -> None:
    sentence = (
        task_ending("start failed: QEMU exited with code 1", START_LOG).error("Starting VM 2000").sentence
    )
    assert "network script /usr/libexec/qemu-server/pve-bridge failed with status 512" in sentence
    assert "command '/sbin/tc filter add dev tap2000i0" in sentence
    assert "log says why" not in sentence
    assert "generating cloud-init ISO" not in sentence


@pytest.mark.parametrize(
    ("why", "kind", "name"),
    [
        ("bridge 'vmbr77' does not exist", P, "no_bridge"),
        ("unable to find VM '6000'", G, "no_config"),
        (CONFIG_DENIED, T, "no_quorum"),
        ("start failed: QEMU exited with code 1", P, "start_failed"),
        ("some reason nobody knows", P, "job_errors"),
    ],
)
def test_a_failed_backup_says_why(why: str, kind: FaultKind, name: str) -> None:
    ending = task_ending("job errors", backup_log(why))
    assert (ending.kind, ending.reason) == (kind, name)
    assert f"job errors: {why}" in ending.error("Backing up").sentence


def test_the_log_is_asked_for_only_when_the_last_words_hide_the_reason(
    serve: Any, connect: Any, world: Any
) -> None:
    upid, exitstatus = world.upid("qmstart"), ["start failed: QEMU exited with code 1"]

    def answer(seen: Any) -> Any:
        if seen.path.endswith("/log"):
            return world.reply([{"n": n, "t": line} for n, line in enumerate(START_LOG, 1)])
        return world.reply(
            {"upid": upid, "status": "stopped", "exitstatus": exitstatus[0], "type": "qmstart"}
        )

    server = serve(answer)
    cluster = connect(server)
    ending = cluster.task_ending(upid)
    assert "failed with status 512" in ending.error("Starting").sentence
    asked = len(server.seen)
    exitstatus[0] = "VM 2000 already running"
    assert cluster.task_ending(upid).reason == "already_running"
    assert len(server.seen) == asked + 1


def test_the_sentence_about_a_missing_privilege_holds_the_command_that_grants_it(
    serve: Any, connect: Any, world: Any
) -> None:
    refusal = world.reply(status=403, reason="Permission check failed (/vms/2001, VM.PowerMgmt)")
    server = serve(lambda seen: refusal if seen.changing else world.reply(world.config()))
    with pytest.raises(ProxmoxError) as caught:
        Guest(connect(server), 100, world.mark, node="pve1").start()
    assert "lacks VM.PowerMgmt on /vms/2001. Grant it on a node, as root: " in caught.value.sentence
    assert caught.value.sentence.endswith(
        "pveum role modify KvmtuiConsole --append 1 --privs VM.PowerMgmt && "
        "pveum acl modify /vms --roles KvmtuiConsole --users 'kvmtui@pve' --tokens 'kvmtui@pve!console'"
    )


def test_a_guest_that_was_not_measured_yet_has_no_usage_and_no_failure(
    serve: Any, connect: Any, world: Any
) -> None:
    said = next(said for _, said, _, name in ANSWERS if name == "no_usage")
    server = serve(lambda seen: world.reply(status=500, reason=said))
    assert Guest(connect(server), 100, world.mark, node="pve1").rrddata("hour") == ()


def test_a_missing_volume_does_not_make_the_guest_missing(serve: Any, connect: Any, world: Any) -> None:
    server = serve(lambda seen: world.reply(status=500, reason="volume 'iso:iso/none.iso' does not exist"))
    with pytest.raises(ProxmoxError) as caught:
        Guest(connect(server), 100, world.mark, node="pve1").config()
    assert not caught.value.guest_missing
    assert len(server.seen) == 1


@pytest.mark.skipif(not RECORDED.exists(), reason="the recordings of real nodes are not here")
@pytest.mark.parametrize("version", ["8.4", "9.2"])
def test_every_recorded_error_has_a_rule(version: str) -> None:
    unknown = []
    for probe in json.loads((RECORDED / f"probes-{version}.json").read_text()):
        answer, task = probe["answer"], probe["task"] or {}
        if answer["status"] >= 400:
            body = answer["body"] if isinstance(answer["body"], dict) else {}
            words = [
                answer["reason"],
                *(f"{key}: {text}" for key, text in (body.get("errors") or {}).items()),
            ]
            if rule_for(answer["status"], " ".join(words)) is OTHERWISE:
                unknown.append((probe["probe"], words))
        failed = [re.sub("^TASK ERROR: ", "", line) for line in task.get("log", []) if "TASK ERROR" in line]
        unknown += [(probe["probe"], line) for line in failed if rule_for(None, line) is OTHERWISE]
    assert unknown == []
