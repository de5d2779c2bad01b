"""What happens on the wire: deadlines, pins, failover, stale connections, logins. Counted by what the server saw."""

from __future__ import annotations

import gzip
import json
import logging
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import engine.proxmox.session as session_module
from engine.errors import Refused
from engine.proxmox import Cluster, FaultKind, Guest, ProxmoxError, ServerAccess, ServerTls
from engine.proxmox.answers import ProxmoxAnswer
from engine.proxmox.wire import LARGEST_ANSWER
from tests.waiting import until


def start_guest(cluster: Cluster, world: Any) -> str:
    return Guest(cluster, 100, world.mark, node="pve1").start()


def answering(world: Any, change: Any) -> Any:
    """Reads are answered like those of one of our guests; changes as the test says."""

    def answer(seen: Any) -> Any:
        if seen.path == "/version":
            return world.reply({"version": "9.0.10"})
        return change if seen.changing else world.reply(world.config())

    return answer


WIRE = ["cut", "cut_body", "hang", "drip_head", "drip_body"]


@pytest.mark.parametrize("wire", WIRE)
def test_a_change_without_an_answer_is_ambiguous_and_sent_once(
    serve: Any, connect: Any, world: Any, wire: str
) -> None:
    server = serve(answering(world, world.reply(world.upid(), wire=wire)))
    with pytest.raises(ProxmoxError) as caught:
        start_guest(connect(server), world)
    fault = caught.value
    assert fault.kind is FaultKind.AMBIGUOUS
    assert fault.sent
    assert len(server.changes()) == 1
    assert "It may have taken effect" in fault.sentence
    assert "waw1 (127.0.0.1)" in fault.sentence


@pytest.mark.parametrize("wire", WIRE)
def test_reading_without_an_answer_is_transient(serve: Any, connect: Any, world: Any, wire: str) -> None:
    server = serve(lambda seen: world.reply([], wire=wire))
    with pytest.raises(ProxmoxError) as caught:
        connect(server).nodes()
    assert caught.value.kind is FaultKind.TRANSIENT
    assert len(server.seen) == 1


@pytest.mark.parametrize("wire", ["drip_head", "drip_body"])
def test_a_dripping_server_does_not_hold_a_call_past_its_deadline(
    serve: Any, connect: Any, world: Any, wire: str
) -> None:
    server = serve(lambda seen: world.reply([], wire=wire))
    began = time.monotonic()
    with pytest.raises(ProxmoxError, match=r"no complete answer within 0\.4 s"):
        connect(server, connect_timeout=0.5).nodes()
    assert time.monotonic() - began < 5  # the drip itself would last over an hour


def test_a_kept_connection_that_died_is_asked_once_more_when_reading(
    serve: Any, connect: Any, world: Any
) -> None:
    server = serve(lambda seen: world.reply([], wire="cut" if seen.nth_on_connection else "good"))
    cluster = connect(server)
    assert cluster.nodes() == ()
    assert cluster.nodes() == ()
    assert [seen.nth_on_connection for seen in server.seen] == [0, 1, 0]


def test_a_change_is_not_repeated_on_a_kept_connection_that_died(
    serve: Any, connect: Any, world: Any
) -> None:
    server = serve(answering(world, world.reply(world.upid(), wire="cut")))
    cluster = connect(server)
    with pytest.raises(ProxmoxError) as caught:
        start_guest(cluster, world)
    assert caught.value.kind is FaultKind.AMBIGUOUS
    assert [seen.nth_on_connection for seen in server.changes()] == [1]


def test_a_change_is_not_sent_on_a_connection_that_the_server_has_closed(
    serve: Any, connect: Any, world: Any
) -> None:
    """As when its workers are restarted: nothing was sent, so nothing is ambiguous."""

    def answer(seen: Any) -> Any:
        return world.reply(world.upid()) if seen.changing else world.reply(world.config(), wire="last")

    server = serve(answer)
    guest = Guest(connect(server), 100, world.mark, node="pve1")
    guest.prove()
    until(lambda: server.closed == 1)
    guest.send("POST", "Starting", ("status", "start"), {}, ProxmoxAnswer.upid)
    assert len(server.changes()) == 1 and server.connections == 2


def test_a_change_gets_a_fresh_connection_after_an_idle_while(
    serve: Any, connect: Any, world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve(answering(world, world.reply(world.upid())))
    cluster = connect(server)
    start_guest(cluster, world)
    assert server.connections == 1
    monkeypatch.setattr(session_module, "IDLE_LIMIT", 0.0)
    start_guest(cluster, world)
    assert server.connections == 2


def packed(world: Any, raw: bytes) -> Any:
    return lambda seen: world.reply(raw=raw, headers={"Content-Encoding": "gzip"})


def test_a_large_answer_comes_packed(serve: Any, connect: Any, world: Any) -> None:
    nodes = [{"node": f"pve{number}", "status": "online"} for number in range(500)]
    server = serve(packed(world, gzip.compress(json.dumps({"data": nodes}).encode())))
    assert len(connect(server).nodes()) == 500
    assert server.seen[0].headers["accept-encoding"] == "gzip"


def test_a_packed_answer_that_cannot_be_read_is_no_answer(serve: Any, connect: Any, world: Any) -> None:
    server = serve(packed(world, b"\x1f\x8b but no gzip"))
    with pytest.raises(ProxmoxError, match=r"no answer came from .*its gzip body cannot be read"):
        connect(server).nodes()


def test_a_packed_answer_larger_than_any_is_no_answer(serve: Any, connect: Any, world: Any) -> None:
    server = serve(packed(world, gzip.compress(bytes(LARGEST_ANSWER + 1), 1)))
    with pytest.raises(ProxmoxError, match=r"no answer came from .*the answer is longer than"):
        connect(server).nodes()


def test_a_cluster_that_is_let_go_finishes_the_call_under_way(serve: Any, connect: Any, world: Any) -> None:
    asked, answered = threading.Event(), threading.Event()

    def answer(seen: Any) -> Any:
        asked.set()
        assert answered.wait(10)
        return world.reply([])

    cluster = connect(serve(answer), read_timeout=10.0)
    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(cluster.nodes)
        assert asked.wait(10)
        cluster.close()
        answered.set()
        assert call.result() == ()


def test_a_deletion_says_that_it_has_no_body(serve: Any, connect: Any, world: Any) -> None:
    server = serve(answering(world, world.reply(world.upid())))
    Guest(connect(server), 100, world.mark, node="pve1").delete_snapshot("old")
    assert [seen.headers["content-length"] for seen in server.changes()] == ["0"]


def dead_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def test_nothing_is_sent_when_no_host_can_be_reached(connect: Any, world: Any, serve: Any) -> None:
    cluster = connect(serve(), port=dead_port())
    with pytest.raises(ProxmoxError) as caught:
        cluster.nodes()
    assert caught.value.kind is FaultKind.TRANSIENT
    assert not caught.value.sent
    assert "Connection refused" in caught.value.sentence
    assert "Nothing was sent" in caught.value.sentence


def test_the_next_host_is_asked_and_remembered(serve: Any, connect: Any, world: Any) -> None:
    server = serve(answering(world, world.reply(world.upid())))
    cluster = connect(server, hosts=("127.0.0.2", "127.0.0.1"))  # nobody listens on 127.0.0.2
    assert start_guest(cluster, world) == world.upid()
    assert len(server.changes()) == 1
    before = cluster.requests
    start_guest(cluster, world)
    assert cluster.requests - before == 2  # one read, one change: the dead host was not tried again


def test_reading_continues_to_the_next_host_when_one_hangs_but_a_change_does_not(
    connect: Any, world: Any, certificate: Any, serve: Any
) -> None:
    server = serve(lambda seen: world.reply(world.upid() if seen.changing else world.config(), wire="hang"))
    cluster = connect(server, hosts=("127.0.0.1", "localhost"))
    with pytest.raises(ProxmoxError):
        cluster.nodes()
    assert len(server.seen) == 2
    server.answer = answering(world, world.reply(wire="hang"))
    with pytest.raises(ProxmoxError) as caught:
        start_guest(cluster, world)
    assert caught.value.kind is FaultKind.AMBIGUOUS
    assert len(server.changes()) == 1


def test_the_right_pin_is_accepted_and_one_of_several(
    serve: Any, connect: Any, world: Any, certificate: Any
) -> None:
    server = serve(lambda seen: world.reply([]))
    pins = ServerTls.fingerprint("AA" * 32, certificate.fingerprint.lower().replace(":", ""))
    assert connect(server, tls=pins).nodes() == ()


def test_a_wrong_pin_stops_before_anything_is_sent(serve: Any, connect: Any, certificate: Any) -> None:
    server = serve()
    with pytest.raises(ProxmoxError) as caught:
        connect(server, tls=ServerTls.fingerprint("AA" * 32)).nodes()
    assert caught.value.kind is FaultKind.AUTH
    assert not caught.value.sent
    assert certificate.fingerprint in caught.value.sentence
    assert ":".join(["AA"] * 32) in caught.value.sentence
    assert server.seen == []


def test_a_ca_file_is_enough_and_the_system_does_not_know_it(
    serve: Any, connect: Any, world: Any, certificate: Any, other_certificate: Any
) -> None:
    server = serve(lambda seen: world.reply([]))
    assert connect(server, tls=ServerTls.ca_file(certificate.path)).nodes() == ()
    assert connect(server, tls=ServerTls.insecure()).nodes() == ()
    for tls in (ServerTls.system(), ServerTls.ca_file(other_certificate.path)):
        with pytest.raises(ProxmoxError, match="is not trusted") as caught:
            connect(server, tls=tls).nodes()
        assert caught.value.kind is FaultKind.AUTH
    assert len(server.seen) == 2


def test_environment_proxies_and_ca_bundles_are_ignored(
    serve: Any, connect: Any, world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nonexistent")
    monkeypatch.delenv("NO_PROXY", raising=False)
    assert connect(serve(lambda seen: world.reply([]))).nodes() == ()


def test_a_token_is_sent_and_never_logged(
    serve: Any, connect: Any, world: Any, caplog: pytest.LogCaptureFixture
) -> None:
    server = serve(answering(world, world.reply()))
    cluster = connect(server)
    loggers = [logging.getLogger(name) for name in ("", "proxmoxer.core")]
    before = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.DEBUG)
        Guest(cluster, 100, world.mark, node="pve1").set_user_password("root", "canary-password")
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)
    assert server.seen[0].headers["authorization"] == f"PVEAPIToken=kvmtui@pve!console={world.token_secret}"
    assert server.changes()[0].params["password"] == "canary-password"
    assert "canary-password" not in caplog.text
    assert not [record for record in caplog.records if record.name.startswith("proxmoxer")]
    assert world.token_secret not in caplog.text
    assert world.token_secret not in repr(cluster.access)


def password_server(world: Any, tickets: list[str], alive: list[str]) -> Any:
    """Hands out the given tickets in turn and takes only the living ones."""
    given = iter(tickets)

    def answer(seen: Any) -> Any:
        if seen.path == "/access/ticket":
            if seen.params["password"] != "right-password":
                return world.reply(status=401, reason="authentication failure")
            return world.reply({"ticket": next(given), "CSRFPreventionToken": "csrf-1"})
        if not any(f"PVEAuthCookie={ticket}" in seen.headers.get("cookie", "") for ticket in alive):
            return world.reply(status=401, reason="permission denied - invalid PVE ticket", raw=b"")
        return answering(world, world.reply(world.upid()))(seen)

    return answer


def with_password(password: str) -> dict[str, Any]:
    return {"token_id": None, "token_secret": None, "user": "root@pam", "password": password}


def test_a_dead_ticket_is_replaced_and_the_refused_change_sent_again(
    serve: Any, connect: Any, world: Any
) -> None:
    alive = ["PVE:one"]
    server = serve(password_server(world, ["PVE:one", "PVE:two"], alive))
    cluster = connect(server, **with_password("right-password"))
    assert start_guest(cluster, world) == world.upid()
    alive[:] = ["PVE:two"]
    cluster_read = Guest(cluster, 100, world.mark, node="pve1")
    assert cluster_read.config().name == "vm-5546"
    assert cluster_read.start() == world.upid()
    assert [seen.path for seen in server.seen].count("/access/ticket") == 2
    assert all(seen.headers["csrfpreventiontoken"] == "csrf-1" for seen in server.changes())


def test_a_wrong_password_is_an_auth_fault(serve: Any, connect: Any, world: Any) -> None:
    server = serve(password_server(world, [], []))
    with pytest.raises(ProxmoxError, match="authentication failure") as caught:
        connect(server, **with_password("wrong-password")).nodes()
    assert caught.value.kind is FaultKind.AUTH
    assert "wrong-password" not in caught.value.sentence
    assert [seen.path for seen in server.seen] == ["/access/ticket"]


def test_many_threads_share_one_login(serve: Any, connect: Any, world: Any) -> None:
    server = serve(password_server(world, ["PVE:one", "PVE:two", "PVE:three"], ["PVE:one"]))
    cluster = connect(server, **with_password("right-password"))
    threads = [threading.Thread(target=lambda: start_guest(cluster, world)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [seen.path for seen in server.seen].count("/access/ticket") == 1
    assert len(server.changes()) == 4
    assert server.connections == 4  # a session per thread
    assert cluster.requests == len(server.seen)
    assert cluster.requests_by_node["pve1"] == 8


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"hosts": ()}, "no API host"),
        ({"token_id": "kvmtui@pve"}, "user@realm!tokenname"),
        ({"token_secret": None}, "no token_secret"),
        ({"token_id": None, "token_secret": None}, "no login"),
    ],
)
def test_an_access_that_cannot_work_is_refused(changes: dict[str, Any], complaint: str) -> None:
    given = {"name": "s", "hosts": ("h",), "token_id": "kvmtui@pve!console", "token_secret": "secret-value"}
    with pytest.raises(Refused, match=complaint):
        ServerAccess(**{**given, **changes})


@pytest.mark.parametrize("bad", ["", "..", "."])
def test_a_name_cannot_climb_to_another_path(serve: Any, connect: Any, world: Any, bad: str) -> None:
    server = serve(answering(world, world.reply(world.upid())))
    with pytest.raises(Refused, match="cannot be part of a Proxmox path"):
        Guest(connect(server), 100, world.mark, node="pve1").delete_snapshot(bad)
    assert server.changes() == []


def test_a_slash_in_a_name_stays_in_the_name(serve: Any, connect: Any, world: Any) -> None:
    server = serve(answering(world, world.reply(world.upid())))
    Guest(connect(server), 100, world.mark, node="pve1").delete_snapshot("../../200")
    assert (
        server.changes()[0].path == "/nodes/pve1/qemu/100/snapshot/../../200"
    )  # one quoted part, decoded here
