"""Looking around: where a guest really is, whether a number is free, what a clone carries."""

from __future__ import annotations

from typing import Any

import pytest

from engine.errors import Refused
from engine.proxmox import FaultKind, Guest, GuestView, NotOurs, ProxmoxError
from engine.proxmox.values import Permissions, Upid, Version


def cluster_of(world: Any, holders: dict[str, Any], stale: str | None = None, free: bool = False) -> Any:
    """Three nodes; `holders` maps a node to what it answers for the config of VM 100."""

    def answer(seen: Any) -> Any:
        if seen.path == "/cluster/resources":
            return world.reply(
                [{"vmid": 100, "type": "qemu", "node": stale, "id": "qemu/100"}] if stale else []
            )
        if seen.path == "/nodes":
            return world.reply([{"node": f"pve{n}", "status": "online"} for n in (1, 2, 3)])
        if seen.path == "/cluster/nextid":
            taken = {"vmid": "VM 100 already exists"}
            return (
                world.reply("100")
                if free
                else world.reply(status=400, reason="Parameter verification failed.", errors=taken)
            )
        node = seen.path.split("/")[2]
        missing = world.reply(
            status=500, reason=f"Configuration file 'nodes/{node}/qemu-server/100.conf' does not exist"
        )
        return holders.get(node, missing)

    return answer


def test_a_guest_is_found_where_it_is_not_where_the_overview_says(
    serve: Any, connect: Any, world: Any
) -> None:
    server = serve(cluster_of(world, {"pve3": world.reply(world.config())}, stale="pve1"))
    location = connect(server).find_guest(100)
    assert location is not None
    assert (location.node, location.config.name) == ("pve3", "vm-5546")
    guest = Guest(connect(server), 100, world.mark, node="pve1")
    assert guest.config().mark == world.mark
    assert guest.node == "pve3"
    assert GuestView(connect(server), 100).node == "pve3"


def test_a_guest_is_gone_only_when_every_node_says_so(serve: Any, connect: Any, world: Any) -> None:
    assert connect(serve(cluster_of(world, {}))).find_guest(100) is None
    with pytest.raises(ProxmoxError) as caught:
        Guest(connect(serve(cluster_of(world, {}))), 100, world.mark, node="pve1").start()
    assert caught.value.kind is FaultKind.GONE


def test_a_node_that_is_down_leaves_the_question_open(serve: Any, connect: Any, world: Any) -> None:
    down = {"pve2": world.reply(status=595, reason="No route to host")}
    with pytest.raises(ProxmoxError) as caught:
        connect(serve(cluster_of(world, down))).find_guest(100)
    assert caught.value.kind is FaultKind.TRANSIENT
    assert connect(serve(cluster_of(world, down, free=True))).find_guest(100) is None


def test_a_pool_token_without_audit_privilege_trusts_the_vmid_check(
    serve: Any, connect: Any, world: Any
) -> None:
    hidden = {
        f"pve{n}": world.reply(status=403, reason="Permission check failed (/vms/100, VM.Audit)")
        for n in (1, 2, 3)
    }
    assert connect(serve(cluster_of(world, hidden, free=True))).find_guest(100) is None
    with pytest.raises(ProxmoxError) as caught:
        connect(serve(cluster_of(world, hidden))).find_guest(100)
    assert caught.value.reason == "no_privilege"


@pytest.mark.parametrize("free", [True, False])
def test_a_number_is_free_or_not(serve: Any, connect: Any, world: Any, free: bool) -> None:
    assert connect(serve(cluster_of(world, {}, free=free))).next_id_free(100) is free


def test_a_clone_carries_the_mark_and_goes_to_the_node_of_the_template(
    serve: Any, connect: Any, world: Any
) -> None:
    server = serve(lambda seen: world.reply(world.upid("qmclone", "pve2")))
    cluster = connect(server)
    upid = cluster.clone(9000, "pve2", 218, "vm-5546", full=True, mark=world.mark, storage="local-lvm")
    assert upid == world.upid("qmclone", "pve2")
    assert server.seen[0].path == "/nodes/pve2/qemu/9000/clone"
    assert server.seen[0].params == {
        "newid": "218",
        "name": "vm-5546",
        "full": "1",
        "description": world.mark.line,
        "storage": "local-lvm",
    }
    with pytest.raises(Refused, match="linked clone"):
        cluster.clone(9000, "pve2", 218, "vm-5546", full=False, mark=world.mark, storage="local-lvm")
    assert len(server.seen) == 1


def template_rows(world: Any) -> Any:
    rows = [
        {"vmid": 9000, "type": "qemu", "node": "pve1", "name": "debian", "template": 1},
        {"vmid": 9001, "type": "qemu", "node": "pve1", "name": "twice", "template": 1},
        {"vmid": 9002, "type": "qemu", "node": "pve1", "name": "twice", "template": 1},
        {"vmid": 100, "type": "qemu", "node": "pve1", "name": "debian", "template": 0},
    ]

    def answer(seen: Any) -> Any:
        if seen.path == "/cluster/resources":
            return world.reply(rows)
        return world.reply([]) if seen.path == "/nodes" else world.reply({"name": "debian", "template": 1})

    return answer


def test_a_template_is_found_by_number_or_name(serve: Any, connect: Any, world: Any) -> None:
    cluster = connect(serve(template_rows(world)))
    for reference in (9000, "9000", "debian"):
        found = cluster.find_template(reference)
        assert found is not None
        assert (found.vmid, found.node) == (9000, "pve1")
    assert cluster.find_template("nothing") is None
    with pytest.raises(Refused, match="9001, 9002"):
        cluster.find_template("twice")


VOLID = "backups:backup/vzdump-qemu-100-2026_04_10-03_49_18.vma.zst"


@pytest.mark.parametrize(
    ("row", "error"),
    [
        ({"volid": VOLID, "vmid": 100, "notes": "nightly"}, None),
        ({"volid": VOLID, "vmid": 200}, NotOurs),
        (
            {
                "volid": VOLID,
                "vmid": 100,
                "notes": "kvmtui instance="
                + "9" * 8
                + "-9999-4999-8999-"
                + "9" * 12
                + " vm="
                + "9" * 8
                + "-9999-4999-8999-"
                + "9" * 12,
            },
            NotOurs,
        ),
        ({"volid": "backups:backup/other", "vmid": 100}, ProxmoxError),
    ],
)
def test_only_a_backup_of_this_guest_is_deleted(
    serve: Any, connect: Any, world: Any, row: Any, error: Any
) -> None:
    server = serve(lambda seen: world.reply(world.upid("imgdel") if seen.changing else [row]))
    cluster = connect(server)
    if error is None:
        assert cluster.delete_backup("pve1", "backups", VOLID, 100, world.mark) == world.upid("imgdel")
        assert server.changes()[0].path == f"/nodes/pve1/storage/backups/content/{VOLID}"
        return
    with pytest.raises(error):
        cluster.delete_backup("pve1", "backups", VOLID, 100, world.mark)
    assert server.changes() == []


def test_a_console_ticket_names_the_host_that_gave_it(serve: Any, connect: Any, world: Any) -> None:
    given = {
        "ticket": "PVEVNC:a+b/c==::x",
        "port": "5900",
        "user": "kvmtui@pve!console",
        "upid": world.upid(),
    }
    server = serve(lambda seen: world.reply(given))
    seat = GuestView(connect(server, hosts=("127.0.0.2", "127.0.0.1")), 100, "pve1").screen_console()
    assert seat.host == "127.0.0.1"
    assert seat.url.endswith("/vncwebsocket?port=5900&vncticket=PVEVNC%3Aa%2Bb%2Fc%3D%3D%3A%3Ax")
    assert seat.headers == {"Authorization": f"PVEAPIToken=kvmtui@pve!console={world.token_secret}"}
    assert "PVEVNC" not in repr(seat)
    assert world.token_secret not in repr(seat)


def test_agent_snapshots_and_usage_are_read(serve: Any, connect: Any, world: Any) -> None:
    def answer(seen: Any) -> Any:
        if seen.path.endswith("/agent/ping"):
            return world.reply(status=500, reason="QEMU guest agent is not running")
        if seen.path.endswith("/snapshot"):
            return world.reply(
                [{"name": "b", "snaptime": 9}, {"name": "current"}, {"name": "a", "snaptime": 5}]
            )
        return world.reply([{"time": 60, "cpu": 0.5}, {"time": 120}])

    view = GuestView(connect(serve(answer)), 100, "pve1")
    assert view.agent_alive() is False
    assert [snapshot.name for snapshot in view.snapshots()] == ["a", "b"]
    assert [(point.time_ms, point.cpu, point.net_in) for point in view.rrddata("hour")] == [
        (60_000, 0.5, None),
        (120_000, None, None),
    ]


def test_rights_are_inherited_only_when_they_propagate() -> None:
    rights = Permissions.of({"/": {"Sys.Audit": 0}, "/vms": {"VM.Clone": 1, "VM.Audit": 0}, "/vms/5": {}})
    assert rights.has("/", "Sys.Audit")
    assert not rights.has("/nodes/pve1", "Sys.Audit")
    assert rights.has("/vms/100", "VM.Clone")
    assert not rights.has("/vms/100", "VM.Audit")
    assert not rights.has("/vms/5", "VM.Clone")
    assert rights.has("/vms/100", "VM.Backup", "VM.Clone")


def test_versions_and_task_names_are_read() -> None:
    assert Version.of({"version": "8.4.1"}).at_least(8, 2)
    assert not Version.of({"version": "8.1.10"}).at_least(8, 2)
    assert Version.of({"version": "7.4-17"}).major == 7
    assert Version.of({}).major == 0
    upid = Upid.parse("UPID:pve1:0001A2B3:0ABCDEF01:65000000:qmclone:9000:kvmtui@pve!console:")
    assert upid is not None
    assert (upid.node, upid.type, upid.id, upid.user) == ("pve1", "qmclone", "9000", "kvmtui@pve!console")
    assert Upid.parse("UPID:pve1:nonsense") is None
