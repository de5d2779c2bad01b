"""Every answer and task ending that can go wrong, by table: its kind, its name, its words, and the calls sent."""

from __future__ import annotations

from typing import Any

import pytest

from engine.proxmox import FaultKind, Guest, ProxmoxError, task_ending

# status, reason phrase, kind when changing, kind when reading, name
ANSWERS = [
    (401, "No ticket", FaultKind.AUTH, FaultKind.AUTH, "login_refused"),
    (401, "Authentication failed!", FaultKind.AUTH, FaultKind.AUTH, "login_refused"),
    (401, "no such token 'x' for user 'kvmtui@pve'", FaultKind.AUTH, FaultKind.AUTH, "login_refused"),
    (401, "token 'x' access expired", FaultKind.AUTH, FaultKind.AUTH, "login_refused"),
    (
        403,
        "Permission check failed (/vms/100, VM.PowerMgmt)",
        FaultKind.PERMANENT,
        FaultKind.PERMANENT,
        "no_privilege",
    ),
    (
        403,
        "URI '/x' not available with API token, need proper ticket.",
        FaultKind.PERMANENT,
        FaultKind.PERMANENT,
        "needs_ticket",
    ),
    (400, "Parameter verification failed.", FaultKind.PERMANENT, FaultKind.PERMANENT, "bad_parameters"),
    (404, "Not Found", FaultKind.PERMANENT, FaultKind.PERMANENT, "not_proxmox"),
    (301, "Moved Permanently", FaultKind.PERMANENT, FaultKind.PERMANENT, "not_proxmox"),
    (304, "Not Modified", FaultKind.PERMANENT, FaultKind.PERMANENT, "not_proxmox"),
    (429, "Too Many Requests", FaultKind.BUSY, FaultKind.BUSY, "too_many_requests"),
    (501, "Method 'POST /x' not implemented", FaultKind.PERMANENT, FaultKind.PERMANENT, "not_implemented"),
    (502, "Bad Gateway", FaultKind.AMBIGUOUS, FaultKind.TRANSIENT, "gateway"),
    (503, "Service Unavailable", FaultKind.AMBIGUOUS, FaultKind.TRANSIENT, "gateway"),
    (504, "Gateway Timeout", FaultKind.AMBIGUOUS, FaultKind.TRANSIENT, "gateway"),
    (595, "No route to host", FaultKind.TRANSIENT, FaultKind.TRANSIENT, "node_unreachable"),
    (595, "Connection refused", FaultKind.TRANSIENT, FaultKind.TRANSIENT, "daemon_down"),
    (596, "Connection timed out", FaultKind.AMBIGUOUS, FaultKind.TRANSIENT, "forward_broken"),
    (596, "Broken pipe", FaultKind.AMBIGUOUS, FaultKind.TRANSIENT, "forward_broken"),
    (
        596,
        "tls_process_server_certificate: certificate verify failed",
        FaultKind.PERMANENT,
        FaultKind.PERMANENT,
        "node_certificate",
    ),
    (597, "Connection reset by peer", FaultKind.AMBIGUOUS, FaultKind.TRANSIENT, "forward_broken"),
    (599, "Too many redirections", FaultKind.AMBIGUOUS, FaultKind.TRANSIENT, "forward_broken"),
    (500, "VM is locked (clone)", FaultKind.BUSY, FaultKind.BUSY, "locked"),
    (
        500,
        "can't lock file '/var/lock/qemu-server/lock-100.conf' - got timeout",
        FaultKind.BUSY,
        FaultKind.BUSY,
        "lock_timeout",
    ),
    (
        500,
        "can't lock file '/var/lock/pve-manager/pve-migrate-100' - got timeout",
        FaultKind.BUSY,
        FaultKind.BUSY,
        "lock_timeout",
    ),
    (
        500,
        "can't lock file '/var/lock/pve-manager/pve-storage-local-lvm' - got timeout",
        FaultKind.BUSY,
        FaultKind.BUSY,
        "storage_lock",
    ),
    (
        500,
        "cfs-lock 'storage-ceph' error: got lock request timeout",
        FaultKind.BUSY,
        FaultKind.BUSY,
        "storage_lock",
    ),
    (
        500,
        "'storage-ceph'-locked command timed out - aborting",
        FaultKind.BUSY,
        FaultKind.BUSY,
        "storage_lock",
    ),
    (
        500,
        "cfs-lock 'firewall-vm-100' error: got lock request timeout",
        FaultKind.BUSY,
        FaultKind.BUSY,
        "lock_timeout",
    ),
    (500, "cluster not ready - no quorum?", FaultKind.TRANSIENT, FaultKind.TRANSIENT, "no_quorum"),
    (500, "got no worker upid - start worker failed", FaultKind.TRANSIENT, FaultKind.TRANSIENT, "no_worker"),
    (500, "starting worker failed: fork", FaultKind.TRANSIENT, FaultKind.TRANSIENT, "no_worker"),
    (
        500,
        "checksum mismatch (file change by other user?)",
        FaultKind.TRANSIENT,
        FaultKind.TRANSIENT,
        "changed_meanwhile",
    ),
    (
        500,
        "detected modified configuration - file changed by other user? Try again.",
        FaultKind.TRANSIENT,
        FaultKind.TRANSIENT,
        "changed_meanwhile",
    ),
    (
        500,
        "unable to create VM 100: config file already exists",
        FaultKind.PERMANENT,
        FaultKind.PERMANENT,
        "id_taken",
    ),
    (
        500,
        "unable to create VM 108 - VM 108 already exists on node 'x'",
        FaultKind.PERMANENT,
        FaultKind.PERMANENT,
        "id_taken",
    ),
    (
        500,
        "hostname lookup 'nope' failed - failed to get address info for: nope: x",
        FaultKind.PERMANENT,
        FaultKind.PERMANENT,
        "no_node",
    ),
    (500, "no such cluster node 'n9'", FaultKind.PERMANENT, FaultKind.PERMANENT, "no_node"),
    (500, "storage 'x' does not exist", FaultKind.PERMANENT, FaultKind.PERMANENT, "no_storage"),
    (
        500,
        "storage 'x' is not available on node 'n2'",
        FaultKind.PERMANENT,
        FaultKind.PERMANENT,
        "no_storage",
    ),
    (500, "VM 100 not running", FaultKind.PERMANENT, FaultKind.PERMANENT, "not_running"),
    (500, "VM 100 is running - destroy failed", FaultKind.PERMANENT, FaultKind.PERMANENT, "still_running"),
    (
        500,
        "can't remove VM 100 - protection mode enabled",
        FaultKind.PERMANENT,
        FaultKind.PERMANENT,
        "protected",
    ),
    (500, "No QEMU guest agent configured", FaultKind.PERMANENT, FaultKind.PERMANENT, "no_agent"),
    (500, "QEMU guest agent is not running", FaultKind.TRANSIENT, FaultKind.TRANSIENT, "agent_silent"),
    (
        500,
        "VM 100 qga command 'guest-ping' failed - got timeout",
        FaultKind.TRANSIENT,
        FaultKind.TRANSIENT,
        "agent_silent",
    ),
    (500, "only root can set 'args' config", FaultKind.PERMANENT, FaultKind.PERMANENT, "root_only"),
    (500, "snapshot 'x' does not exist", FaultKind.GONE, FaultKind.GONE, "no_item"),
    (500, "something nobody has ever seen", FaultKind.PERMANENT, FaultKind.PERMANENT, "refused"),
]


@pytest.mark.parametrize(("status", "said", "changing", "_reading", "name"), ANSWERS)
def test_the_answer_to_a_change_is_sorted(
    serve: Any,
    connect: Any,
    world: Any,
    status: int,
    said: str,
    changing: FaultKind,
    _reading: FaultKind,
    name: str,
) -> None:
    refusal = world.reply(status=status, reason=said)
    server = serve(lambda seen: refusal if seen.changing else world.reply(world.config()))
    with pytest.raises(ProxmoxError) as caught:
        Guest(connect(server), 100, world.mark, node="pve1").start()
    fault = caught.value
    assert (fault.kind, fault.reason, fault.status, fault.said) == (changing, name, status, said)
    assert fault.sentence.startswith("Starting: VM 100 on pve1 failed: waw1 (127.0.0.1) answered")
    assert f"“{said.rstrip('.')}”. " in fault.sentence
    assert len(server.changes()) == 1


@pytest.mark.parametrize(("status", "said", "_changing", "reading", "name"), ANSWERS)
def test_the_answer_to_a_question_is_sorted(
    serve: Any,
    connect: Any,
    world: Any,
    status: int,
    said: str,
    _changing: FaultKind,
    reading: FaultKind,
    name: str,
) -> None:
    server = serve(lambda seen: world.reply(status=status, reason=said))
    with pytest.raises(ProxmoxError) as caught:
        connect(server).nodes()
    assert (caught.value.kind, caught.value.reason) == (reading, name)
    assert len(server.seen) == 1


def test_the_whole_message_and_the_errors_of_the_body_are_kept(serve: Any, connect: Any, world: Any) -> None:
    reply = world.reply(
        status=400,
        reason="Parameter verification failed.",
        message="Parameter verification failed.\nsecond line",
        errors={"scsi1": "invalid format - x", "agent": "bad"},
    )
    with pytest.raises(ProxmoxError) as caught:
        connect(serve(lambda seen: reply)).nodes()
    assert caught.value.errors == {"scsi1": "invalid format - x", "agent": "bad"}
    assert (
        "Parameter verification failed. second line agent: bad; scsi1: invalid format - x"
        in caught.value.sentence
    )


def test_secrets_echoed_by_proxmox_are_masked(serve: Any, connect: Any, world: Any) -> None:
    reply = world.reply(status=400, reason="Bad", errors={"x": f"value '{world.token_secret}' is wrong"})
    with pytest.raises(ProxmoxError) as caught:
        connect(serve(lambda seen: reply)).nodes()
    assert world.token_secret not in f"{caught.value.sentence} {caught.value.said} {caught.value.errors}"


ODD = [
    (b"<html>welcome</html>", "it is not JSON"),
    (b"", "it is not JSON"),
    (b"[1, 2]", "it is not JSON"),
    (b'{"success": 1}', "it holds no data"),
    (b'{"data": null}', "nothing came"),
    (b'{"data": "text"}', "a text came"),
    (b'{"data": {"a": 1}}', "an object came"),
    (b'{"data": [1, null]}', "a list came"),
    (b"[" * 100_000, "it is not JSON"),
]


@pytest.mark.parametrize(("raw", "complaint"), ODD)
def test_an_odd_success_is_a_sentence(
    serve: Any, connect: Any, world: Any, raw: bytes, complaint: str
) -> None:
    server = serve(lambda seen: world.reply(raw=raw))
    with pytest.raises(ProxmoxError, match="is not usable") as caught:
        connect(server).nodes()
    assert complaint in caught.value.sentence
    assert caught.value.kind is FaultKind.PERMANENT


@pytest.mark.parametrize(
    "raw", [b"<html>welcome</html>", b'{"success": 1}', b'{"data": null}', b'{"data": {"a": 1}}']
)
def test_an_odd_success_of_a_change_is_ambiguous(serve: Any, connect: Any, world: Any, raw: bytes) -> None:
    server = serve(lambda seen: world.reply(raw=raw) if seen.changing else world.reply(world.config()))
    with pytest.raises(ProxmoxError) as caught:
        Guest(connect(server), 100, world.mark, node="pve1").start()
    assert caught.value.kind is FaultKind.AMBIGUOUS
    assert len(server.changes()) == 1


ENDINGS = [
    ("OK", None, "ok"),
    ("WARNINGS: 3", None, "warnings"),
    ("unexpected status", FaultKind.AMBIGUOUS, "task_vanished"),
    ("unable to get last line from task log - no such file", FaultKind.AMBIGUOUS, "task_vanished"),
    ("interrupted by signal", FaultKind.AMBIGUOUS, "task_stopped"),
    ("migration problems", FaultKind.AMBIGUOUS, "migration_problems"),
    ("migration aborted", FaultKind.PERMANENT, "migration_aborted"),
    ("job errors", FaultKind.PERMANENT, "job_errors"),
    (
        "clone failed: can't lock file '/var/lock/pve-manager/pve-storage-local-lvm' - got timeout",
        FaultKind.BUSY,
        "storage_lock",
    ),
    ("clone failed: cfs-lock 'storage-ceph' error: got lock request timeout", FaultKind.BUSY, "storage_lock"),
    (
        "close (rename) atomic file '/etc/pve/nodes/n1/qemu-server/100.conf' failed: File exists",
        FaultKind.PERMANENT,
        "id_taken",
    ),
    ("can't lock file '/var/lock/qemu-server/lock-100.conf' - got timeout", FaultKind.BUSY, "lock_timeout"),
    ("VM is locked (backup)", FaultKind.BUSY, "locked"),
    ("VM 100 already running", FaultKind.PERMANENT, "already_running"),
    ("VM quit/powerdown failed - got timeout", FaultKind.TRANSIENT, "shutdown_ignored"),
    ("start failed: QEMU exited with code 1", FaultKind.PERMANENT, "start_failed"),
    ("shrinking disks is not supported", FaultKind.PERMANENT, "shrink"),
    ("command '/usr/bin/qemu-img resize /x 32G' failed: got timeout", FaultKind.TRANSIENT, "slow_storage"),
    ("base volume 'x' is still in use by linked cloned", FaultKind.PERMANENT, "base_in_use"),
    ("snapshot name 'x' already used", FaultKind.PERMANENT, "already_exists"),
    ("snapshot feature is not available", FaultKind.PERMANENT, "no_snapshots"),
    ("Failed to obtain guest migration lock - replication running?", FaultKind.BUSY, "migration_lock"),
    ("Configuration file 'nodes/n1/qemu-server/100.conf' does not exist", FaultKind.GONE, "no_config"),
    ("unable to find configuration file for VM 100 on node 'n1'", FaultKind.GONE, "no_config"),
    ("400 Parameter verification failed. scsi1: invalid format", FaultKind.PERMANENT, "bad_parameters"),
    ("unable to restore VM 100 - vm is running", FaultKind.PERMANENT, "still_running"),
]


@pytest.mark.parametrize(("exitstatus", "kind", "name"), ENDINGS)
def test_a_task_ending_is_sorted(exitstatus: str, kind: FaultKind | None, name: str) -> None:
    ending = task_ending(exitstatus)
    assert (ending.kind, ending.reason, ending.ok) == (kind, name, kind is None)
    assert ending.warnings == (name == "warnings")
    if kind is not None:
        assert f"ended with “{exitstatus}”" in ending.error("Cloning VM 100").sentence


def test_the_log_says_why_a_migration_was_aborted() -> None:
    log = [
        "2026-04-10 03:49:18 starting migration of VM 100 to node 'n2'",
        "can't migrate 'local-lvm:vm-100-disk-0' as it's a clone of 'base-9000-disk-0'",
        "TASK ERROR: migration aborted",
    ]
    ending = task_ending("migration aborted", log)
    assert ending.reason == "linked_clone_stays"
    assert "as it's a clone of" in ending.error("Migrating").sentence


def test_a_task_is_followed_where_it_runs(serve: Any, connect: Any, world: Any) -> None:
    upid = world.upid("qmigrate", node="pve3")

    def answer(seen: Any) -> Any:
        if seen.path.endswith("/log"):
            return world.reply(
                [{"n": 1, "t": "local cdrom image"}, {"n": 2, "t": "TASK ERROR: migration aborted"}]
            )
        return world.reply(
            {"upid": upid, "status": "stopped", "exitstatus": "migration aborted", "type": "qmigrate"}
        )

    server = serve(answer)
    ending = connect(server).task_ending(upid)
    assert ending is not None
    assert ending.reason == "local_storage"
    assert [seen.path for seen in server.seen] == [
        f"/nodes/pve3/tasks/{upid}/status",
        f"/nodes/pve3/tasks/{upid}/log",
    ]


def test_an_unknown_task_is_gone(serve: Any, connect: Any, world: Any) -> None:
    reply = world.reply(status=400, reason="Parameter verification failed.", errors={"upid": "no such task"})
    with pytest.raises(ProxmoxError) as caught:
        connect(serve(lambda seen: reply)).task_state(world.upid())
    assert caught.value.kind is FaultKind.GONE


def test_one_request_reads_all_tasks_of_a_node(serve: Any, connect: Any, world: Any) -> None:
    rows = [
        {"upid": world.upid(), "node": "pve1", "type": "qmstart", "id": "100", "user": "u", "starttime": 5},
        {"upid": world.upid(), "node": "pve1", "type": "qmstop", "status": "RUNNING", "starttime": 6},
        {
            "upid": world.upid(),
            "node": "pve1",
            "type": "qmclone",
            "status": "WARNINGS: 1",
            "starttime": 7,
            "endtime": 9,
        },
    ]
    server = serve(lambda seen: world.reply(rows))
    tasks = connect(server).active_tasks("pve1")
    assert [task.running for task in tasks] == [True, True, False]
    assert tasks[2].ended_ms == 9000
    assert tasks[2].ending is not None
    assert tasks[2].ending.ok
    assert len(server.seen) == 1
