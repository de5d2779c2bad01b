"""Nothing is done twice, and nothing is lost, whatever happens to an answer or to the shop: with the WHMCS module."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from engine.clock import now_ms
from engine.store.models import Request
from tests.api.conftest import make_ready
from tests.contrib.conftest import Desk, ended, ordered
from tests.contrib.hosts import dropped, lost, problem, says, stuck, whmcs_params

CREATE = "POST /api/v1/services$"


def test_a_lost_answer_is_asked_for_with_the_same_key(desk: Desk) -> None:
    desk.proxy.fault(CREATE, lost)
    assert desk.call("CreateAccount") == "success"
    assert desk.proxy.keys(CREATE) == ["whmcs-12-create-1"] * 2 and len(desk.services()) == 1


def test_a_call_that_never_arrived_is_sent_again_with_the_same_key(desk: Desk) -> None:
    desk.proxy.fault(CREATE, dropped)
    assert desk.call("CreateAccount") == "success"
    assert desk.proxy.keys(CREATE) == ["whmcs-12-create-1"] * 2 and len(desk.services()) == 1


def test_what_timed_out_continues_as_the_same_attempt(desk: Desk) -> None:
    ordered(desk)
    desk.proxy.fault("POST .*/suspend", lost, times=3)
    assert "Cannot reach kvmtui" in desk.call("SuspendAccount", suspendreason="not paid")
    assert desk.call("SuspendAccount", suspendreason="not paid") == "success"
    assert desk.proxy.keys("/suspend") == ["whmcs-12-suspend-1"] * 4
    assert Request.select().where(Request.action == "Suspend").count() == 1


def test_what_was_refused_is_a_new_attempt(desk: Desk) -> None:
    assert "VPS-9" in desk.call("CreateAccount", configoption1="VPS-9")
    assert desk.call("CreateAccount") == "success"
    assert desk.proxy.keys(CREATE) == ["whmcs-12-create-1", "whmcs-12-create-2"]


def test_every_success_ends_an_attempt(desk: Desk) -> None:
    number = ordered(desk)
    for _ in range(2):
        assert desk.call("SuspendAccount") == "success"
        ended(number, "Suspended")
        assert desk.call("UnsuspendAccount") == "success"
        ended(number, "Active")
    assert desk.proxy.keys("/suspend") == ["whmcs-12-suspend-1", "whmcs-12-suspend-2"]
    assert desk.proxy.keys("/unsuspend") == ["whmcs-12-unsuspend-1", "whmcs-12-unsuspend-2"]


def test_the_same_button_twice_is_two_attempts(desk: Desk) -> None:
    number = ordered(desk)
    for _ in range(2):
        assert desk.call("setdns") == "success"
        ended(number, "Active")
    assert desk.proxy.keys("/vm/dns") == ["whmcs-12-dns-1", "whmcs-12-dns-2"]


def test_a_refusal_before_the_operation_does_not_settle_an_unanswered_call(desk: Desk) -> None:
    ordered(desk)
    desk.proxy.fault("POST .*/suspend", lost)
    desk.proxy.fault("POST .*/suspend", problem(503, "Too many requests.", Retry_After="1"), times=2)
    assert desk.call("SuspendAccount") == "Too many requests."
    assert desk.call("SuspendAccount") == "success"
    assert desk.proxy.keys("/suspend") == ["whmcs-12-suspend-1"] * 4


def test_a_timed_out_attempt_is_not_continued_after_another_action(desk: Desk) -> None:
    number = ordered(desk)
    desk.proxy.fault("POST .*/suspend", lost, times=3)
    desk.call("SuspendAccount")
    ended(number, "Suspended")
    assert desk.call("UnsuspendAccount") == "success"
    ended(number, "Active")
    assert desk.call("SuspendAccount") == "success"
    assert desk.proxy.keys("/suspend")[-1] == "whmcs-12-suspend-2"


def test_a_process_killed_in_the_middle_leaves_an_attempt_to_continue(desk: Desk) -> None:
    desk.proxy.fault(CREATE, stuck)
    desk.host.send("CreateAccount", params=whmcs_params(desk.proxy.port, desk.api.token, 12))
    assert desk.proxy.reached.wait(30)
    desk.host.kill()
    assert desk.call("CreateAccount") == "success" and len(desk.services()) == 1
    make_ready(desk.services()[0]["id"])

    desk.proxy.reached.clear()
    desk.proxy.fault("POST .*/suspend", stuck)
    desk.host.send("SuspendAccount", params=whmcs_params(desk.proxy.port, desk.api.token, 12))
    assert desk.proxy.reached.wait(30)
    desk.host.kill()
    assert desk.call("SuspendAccount") == "success"
    assert desk.proxy.keys("/suspend") == ["whmcs-12-suspend-1"] * 2
    assert Request.select().where(Request.action == "Suspend").count() == 1


def test_a_restored_database_does_not_take_old_answers_for_new_ones(desk: Desk) -> None:
    number = ordered(desk)
    desk.call("SuspendAccount")
    ended(number, "Active")
    Request.update(requested_at=now_ms() - 3_600_000).execute()
    desk.host.kill()
    tables = json.loads(desk.host.state.read_text())
    tables["mod_kvmtui"] = []
    desk.host.state.write_text(json.dumps(tables))
    assert desk.call("SuspendAccount") == "success"
    assert desk.proxy.keys("/suspend")[-2:] == ["whmcs-12-suspend-1", "whmcs-12-suspend-2"]
    assert Request.select().where(Request.action == "Suspend").count() == 2


def test_an_api_that_is_down_is_named_and_the_next_try_is_new(desk: Desk) -> None:
    ordered(desk)
    said = desk.call("SuspendAccount", serverport="9")
    assert said.startswith("Cannot reach kvmtui: ") and "Check the address" in said
    tested = desk.call("TestConnection", serverport="9")
    assert tested["success"] is False
    said, again = (re.sub(r"after \d+ ms", "", text) for text in (said, tested["error"]))
    assert again == said  # but for what curl counted
    assert desk.call("SuspendAccount") == "success"


@pytest.mark.parametrize(
    ("answer", "sent", "next_attempt"),
    [
        pytest.param(problem(500, "kvmtui met an error."), 3, 1, id="500"),
        pytest.param(problem(504, "The request did not end."), 3, 1, id="504"),
        pytest.param(says(502), 3, 1, id="502 of a proxy"),
        pytest.param(problem(502, "Cannot reach pve1."), 1, 2, id="502 of kvmtui"),
        pytest.param(problem(503, "Too many requests.", Retry_After="1"), 3, 2, id="503"),
        pytest.param(problem(429, "Too many requests.", Retry_After="90"), 3, 2, id="429"),
        pytest.param(problem(409, "It makes no sense now."), 1, 2, id="409"),
        pytest.param(problem(401, "The token is not valid."), 1, 2, id="401"),
        pytest.param(says(403), 1, 2, id="403 of a proxy"),
    ],
)
def test_each_answer_decides_whether_the_attempt_ended(
    desk: Desk, answer: Any, sent: int, next_attempt: int
) -> None:
    ordered(desk)
    desk.proxy.fault("POST .*/suspend", answer, times=sent)
    assert desk.call("SuspendAccount") != "success"
    assert desk.proxy.keys("/suspend") == ["whmcs-12-suspend-1"] * sent
    assert desk.call("SuspendAccount") == "success"
    assert desk.proxy.keys("/suspend")[-1] == f"whmcs-12-suspend-{next_attempt}"


def test_a_server_that_is_slow_is_not_waited_for_longer_than_the_timeout(desk: Desk) -> None:
    ordered(desk)
    desk.proxy.fault("POST .*/suspend", stuck)
    assert desk.call("SuspendAccount") == "success"
    assert desk.proxy.keys("/suspend") == ["whmcs-12-suspend-1"] * 2
    assert Request.select().where(Request.action == "Suspend").count() == 1
