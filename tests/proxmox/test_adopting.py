"""A guest that carries any mark is nobody's to take; one that carries none is marked under the digest given."""

from __future__ import annotations

from typing import Any

import pytest

from engine.proxmox import Guest, NotOurs, bears_mark, find_mark
from engine.proxmox.adopting import adopt
from tests.proxmox.guests import answers
from tests.proxmox.test_guest import FOREIGN

_MARKED = [name for name, (differs, _) in FOREIGN.items() if bears_mark(differs["description"])]


def _guest(connect: Any, server: Any, world: Any) -> Guest:
    return Guest(connect(server), 100, world.mark, node="pve1")


@pytest.mark.parametrize("case", _MARKED)
def test_a_marked_guest_is_sent_nothing(serve: Any, connect: Any, world: Any, case: str) -> None:
    server = serve(answers(world, world.config(**FOREIGN[case][0])))
    with pytest.raises(NotOurs):
        adopt(_guest(connect, server, world), "d")
    assert server.changes() == []


def test_two_marks_or_a_damaged_one_count_as_marks() -> None:
    line = "kvmtui instance=99999999-9999-4999-8999-999999999999 vm=22222222-2222-4222-8222-22222222222"
    assert bears_mark(f"{line}1\n{line}2") and find_mark(f"{line}1\n{line}2") is None
    assert (
        bears_mark("notes\n  KVMTUI  instance = broken")
        and not bears_mark("kvmtui is nice")
        and not bears_mark(None)
    )


def test_the_mark_is_written_with_the_digest_that_was_read(serve: Any, connect: Any, world: Any) -> None:
    server = serve(answers(world, world.config(description="made by hand")))
    guest = _guest(connect, server, world)
    adopt(guest, "digest-of-the-look")
    (sent,) = server.changes()
    assert (sent.method, sent.path.rpartition("/")[2]) == ("PUT", "config")
    assert sent.params == {"description": f"{world.mark.line}\nmade by hand", "digest": "digest-of-the-look"}
