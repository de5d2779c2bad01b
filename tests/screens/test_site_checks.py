"""The checks of the site's screens, against a cluster, a DNS server and a mail server that answer."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from engine.store import settings
from engine.store.models import Audit, Server, Zone
from kvmtui.lab import Lab
from kvmtui.lab.mailbox import Mailbox
from screens.framework.check_results import CheckResultsDialog
from screens.servers.nodes import ServerNodes
from screens.widgets.dialogs import Notice
from tests.conftest import Store
from tests.dns.bench import FORWARD
from tests.dns.conftest import pdns, pdns_process
from tests.dns.powerdns_server import PowerDnsServer
from tests.screens.console_site import console
from tests.screens.pressing import at, dialog, fill, press, until, words
from tests.screens.wizard_site import add_server, lab

__all__ = ["lab", "pdns", "pdns_process"]
SIZE = (120, 40)


@pytest.fixture
def box() -> Iterator[Mailbox]:
    """A mail server that takes everything."""
    with Mailbox() as box:
        yield box


async def test_a_server_is_tested_and_what_is_missing_can_be_copied(sqlite_store: Store, lab: Lab) -> None:
    add_server(lab)
    app = console()
    copied: list[str] = []
    app.copy_to_clipboard = copied.append  # type: ignore[method-assign]
    async with app.run_test(size=SIZE) as pilot:
        await at(pilot, "6", "pve-lab")
        await press(pilot, "t")
        found = await dialog(pilot, CheckResultsDialog)
        assert {"reach", "login", "version"} & {each.name for each in found._found}
        assert "passed" in found._title
        await press(pilot, "y", "escape")
        assert copied and "\x1b" not in copied[0]
    assert Server.get().last_ok_at is not None


async def test_a_server_that_does_not_answer_says_what_to_do(sqlite_store: Store, lab: Lab) -> None:
    add_server(lab, hosts=["127.0.0.1"], port=1)
    async with console().run_test(size=SIZE) as pilot:
        await at(pilot, "6", "pve-lab")
        await press(pilot, "t")
        found = await dialog(pilot, CheckResultsDialog)
        assert found._found[0].sign == "-" and found._found[0].fix
        await press(pilot, "escape", "h")
        nodes = await dialog(pilot, ServerNodes)
        await until(pilot, lambda: bool(nodes._table.error))
        assert "ctrl+t to retry" in words(pilot)


async def test_doctor_reports_everything_and_names_the_server(sqlite_store: Store, lab: Lab) -> None:
    add_server(lab)
    async with console().run_test(size=SIZE) as pilot:
        await at(pilot, "6")
        await press(pilot, "C")
        found = await dialog(pilot, CheckResultsDialog)
        names = {each.name.partition(" ")[0] for each in found._found}
        assert {"database", "server", "engine"} <= names


async def test_the_nodes_of_a_server_with_load_and_memory(sqlite_store: Store, lab: Lab) -> None:
    add_server(lab)
    async with console().run_test(size=SIZE) as pilot:
        await at(pilot, "6", "pve-lab")
        await press(pilot, "h")
        nodes = await dialog(pilot, ServerNodes)
        await until(pilot, lambda: nodes._table.count == 3)
        assert "+ online" in words(pilot) and "GiB" in words(pilot)


async def test_a_zone_whose_provider_is_silent_says_so_and_keeps_it(sqlite_store: Store) -> None:
    async with console().run_test(size=SIZE) as pilot:
        await at(pilot, "4")
        await press(pilot, "+")
        await fill(pilot, type="powerdns", zone="example.com", server_url="http://127.0.0.1:1", api_key="k")
        await until(pilot, lambda: Zone.select().exists())
        await press(pilot, "home", "t")
        found = await dialog(pilot, CheckResultsDialog)
        assert found._found[0].sign == "-"
        await press(pilot, "escape")
        assert "- failed" in words(pilot)
    assert Zone.get().last_error


async def test_a_zone_that_answers_is_reported_check_by_check(
    sqlite_store: Store, pdns: PowerDnsServer
) -> None:
    async with console().run_test(size=SIZE) as pilot:
        await at(pilot, "4")
        await press(pilot, "+")
        await fill(pilot, type="powerdns", zone=FORWARD, server_url=pdns.url, api_key=pdns.key)
        await until(pilot, lambda: Zone.select().exists())
        await press(pilot, "home", "t")
        found = await dialog(pilot, CheckResultsDialog)
        assert "passed" in found._title and not [each for each in found._found if each.sign == "-"]
        await press(pilot, "escape")
        assert "+ answers" in words(pilot)


async def test_a_test_mail_arrives(sqlite_store: Store, box: Mailbox) -> None:
    settings.write(settings.Smtp(host="127.0.0.1", port=box.port, sender="noc@example.com"))
    async with console().run_test(size=SIZE) as pilot:
        await at(pilot, "9", "smtp")
        await press(pilot, "t")
        await fill(pilot, address="you@example.com")
        notice = await dialog(pilot, Notice)
        assert "accepted the mail for you@example.com" in notice._words
    assert len(box.received) == 1
    assert Audit.get(Audit.action == "test").object_name
