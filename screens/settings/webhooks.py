"""The webhooks with their messages, and beside them the targets of notifications from config.toml."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from typing import Annotated, Any

from pydantic import Field
from textual.worker import Worker

from engine.actions import notifications, webhooks
from engine.actions.repository import PutResult
from engine.errors import Failed
from engine.forms import Form
from engine.queries.notifications import TargetView, targets
from engine.queries.webhooks import DeliveryView, WebhookView, deliveries
from engine.queries.webhooks import webhooks as all_webhooks
from screens.common.bindings import bindings
from screens.common.text import plain
from screens.common.times import ago, at
from screens.framework.live_rows import FreshRows
from screens.framework.record_view import RecordView, Related
from screens.framework.save_dialog import SaveDialog, error_text
from screens.framework.screen import actor
from screens.framework.secret_dialog import SecretDialog
from screens.settings.subscreen import SettingsList, record_lines
from screens.widgets.dialogs import Confirm, Notice
from screens.widgets.rows import Cell, Column, TableRow
from screens.widgets.table import Table

NEWEST = 1_000
TARGET = "notify "
"""What the key of a target of notifications begins with; its name follows."""
_MESSAGES = (
    Column("id", "ID", 6, right=True),
    Column("type", "Event", 18),
    Column("service", "Service", 7, 3, right=True),
    Column("state", "State", 9),
    Column("http", "HTTP", 4, 2, right=True),
    Column("at", "When (UTC)", 19, 4),
    Column("error", "Error", 16, 2, grow=True),
)
_DELIVERY = {"pending": ("> pending", "busy"), "sent": ("+ sent", "ok"), "failed": ("- failed", "error")}
_TARGET = {"ok": ("+ ok", "ok"), "quiet": ("= quiet", "muted"), "failing": ("- failing", "error")}
_IN_CONFIG = "Targets of notifications are in config.toml, under [notify.targets.NAME]."
Line = Annotated[str, Field(max_length=60)]


class WebhookQuestions(Form):
    """Where messages are sent, and which."""

    url: str = Field(
        title="URL", min_length=1, max_length=2000, description="Such as https://shop.example/hooks."
    )
    events: list[Line] = Field(
        default_factory=list, title="Events", description="One per line, such as vm.ready; none: every event."
    )
    allow_private: bool = Field(
        False, title="Private address", description="Allow a private address, or a URL without TLS."
    )


class WebhooksScreen(SettingsList):
    """Who is sent a message when something happens."""

    NAME = SCOPE = "webhooks"
    BINDINGS = bindings("webhooks")
    COMMAND = "kvmtui webhook list"
    NOUN = "webhook"
    EMPTY = "No webhook yet.\nPress + to create one; notifications for operators are set in config.toml."
    FORM = WebhookQuestions
    MANY_LINES = frozenset({"events"})
    TALL = 2
    COLUMNS = (
        Column("id", "ID", 6, right=True),
        Column("url", "URL or target, events", 30, grow=True),
        Column("state", "State", 12, grow=True),
        Column("pending", "Pending", 9, 2, right=True),
        Column("last", "Last sent", 12, 3),
    )

    def __init__(self) -> None:
        super().__init__()
        self._made: webhooks.NewWebhook | None = None

    def rows(self) -> Sequence[TableRow]:
        return [*map(_row, all_webhooks()), *map(_target_row, targets())]

    def table(self) -> Table:
        return Table(self.COLUMNS, noun="webhooks and targets", empty=self.EMPTY, lines=self.TALL)

    def commands(self) -> list[str]:
        key = self.list.cursor_key
        own: list[str] = []
        if isinstance(key, int):
            own = [f"kvmtui webhook deliveries {key}", f"kvmtui webhook test {key}"]
        elif key is not None:
            own = [f"kvmtui notify test {str(key).removeprefix(TARGET)}", "kvmtui notify list"]
        return [*own, "kvmtui webhook list --json", "kvmtui webhook create URL"]

    def losses(self, key: Any) -> Sequence[str]:
        return ("The messages that wait for it are deleted.", "Its signing secret is gone for good.")

    def delete(self, key: Any) -> None:
        webhooks.delete(actor(), key)

    def do_delete(self) -> Worker[None] | None:
        return super().do_delete() if self._webhook() is not None else None

    async def look_at(self, key: Any) -> None:
        """Shows a webhook with its messages, one after the other, or a target of notifications."""
        if not isinstance(key, int):
            await self._look_at_target(str(key).removeprefix(TARGET))
            return
        while True:
            found = await self.in_thread(
                lambda: next((each for each in all_webhooks() if each.id == key), None)
            )
            if found is None:
                return
            messages = Related(
                _MESSAGES,
                FreshRows(lambda: [_message(each) for each in deliveries(key, limit=NEWEST)], _MESSAGES),
                "messages",
                "No message was written yet.",
                lambda row: int(str(row.key)),
            )
            view = RecordView(
                f"Webhook {key}",
                [("", record_lines(_facts(found)))],
                messages,
                editable=False,
                opens="a message",
            )
            chosen = await self.app.push_screen_wait(view)
            if not isinstance(chosen, int):
                return
            await self._look_at_message(key, chosen)

    async def _look_at_message(self, webhook: int, number: int) -> None:
        found = await self.in_thread(lambda: deliveries(webhook, limit=1, beyond=number + 1))
        if not found or found[0].id != number:
            return
        each = found[0]
        title = f"Message {each.id}: {each.type}"
        read_only = bool(getattr(self.app, "read_only", False))
        if read_only or each.state == "pending":
            await self.app.push_screen_wait(Notice(title, _description(each), danger=each.state == "failed"))
        elif await self.app.push_screen_wait(Confirm(title, _description(each), yes="Send it again")):
            said = await self.in_thread(lambda: webhooks.replay(actor(), number))
            if said is not None:
                self.notify(said, markup=False)

    async def _look_at_target(self, name: str) -> None:
        found = await self.in_thread(lambda: next((each for each in targets() if each.name == name), None))
        if found is not None:
            lines = [*record_lines(_target_facts(found)), "", _IN_CONFIG]
            view = RecordView(f"Notifications to {plain(name)}", [("", lines)], None, editable=False)
            await self.app.push_screen_wait(view)

    def save(self, form: Any, key: Any) -> PutResult:
        self._made = webhooks.create(actor(), form.url, form.events, form.allow_private)
        return PutResult("webhook", str(self._made.webhook.id), "create")

    async def ask_until_saved(self, dialog: SaveDialog) -> None:
        """Shows the form; once it is saved, shows the signing secret."""
        self._made = None
        await self.app.push_screen_wait(dialog)
        if self._made is not None:
            made, self._made = self._made, None
            self.reread()
            about = "The receiver verifies the signature of each message with it."
            title = f"Signing secret of webhook {made.webhook.id}"
            self.app.push_screen(SecretDialog(title, made.secret, about))

    def do_pause(self) -> Worker[None] | None:
        key = self._webhook()
        return None if key is None else self.run_worker(self._pause(key), group="change")

    async def _pause(self, key: int) -> None:
        said = await self.in_thread(lambda: _toggled(key))
        if said is not None:
            self.notify(said, markup=False)
            self.reread()

    def do_test(self) -> Worker[None] | None:
        key = self.current()
        return None if key is None else self.run_worker(self._test(key), group="dialog", exclusive=True)

    async def _test(self, key: Any) -> None:
        name = f"webhook {key}" if isinstance(key, int) else plain(str(key).removeprefix(TARGET))
        self.notify(f"Sending a test to {name} …", markup=False, timeout=3)
        said, failed = await asyncio.to_thread(_tested, _test_of(key))
        title = "The test was not taken" if failed else "The test was taken"
        self.app.push_screen(Notice(title, said, danger=failed))
        self.reread()

    def _webhook(self) -> int | None:
        """The webhook under the cursor; notifies when there is none, or it is a target of notifications."""
        key = self.current()
        if key is not None and not isinstance(key, int):
            self.notify(_IN_CONFIG, severity="warning", markup=False)
        return key if isinstance(key, int) else None


def _toggled(key: int) -> str:
    paused = any(each.id == key and each.state == "paused" for each in all_webhooks())
    return webhooks.resume(actor(), key) if paused else webhooks.pause(actor(), key)


def _test_of(key: Any) -> Callable[[], str]:
    """What sends a test, and returns what was answered."""
    if isinstance(key, int):
        return lambda: webhooks.test(actor(), key)
    name = str(key).removeprefix(TARGET)

    def notify() -> str:
        (answer,) = notifications.test(actor(), [name])
        if answer.error:
            raise Failed(f"{name}: {answer.error}")
        return f"{name} took the test."

    return notify


def _tested(send: Callable[[], str]) -> tuple[str, bool]:
    """What was answered, and whether it failed."""
    try:
        return send(), False
    except Exception as error:  # noqa: BLE001 - whatever went wrong, the operator gets a sentence
        return error_text(error), True


def _row(each: WebhookView) -> TableRow:
    """A webhook as a line of the list."""
    events = ", ".join(each.events) or "every event"
    if each.state == "paused":
        state = Cell("! paused", "error", below=each.why)
    elif each.failing_since is not None:
        state = Cell("~ failing", "warn", below=f"since {at(each.failing_since)}")
    else:
        state = Cell("+ enabled", "ok")
    failed = f"{each.failed} failed" if each.failed else ""
    cells = (str(each.id), Cell(each.url, below=events), state, Cell(str(each.pending), below=failed))
    return TableRow(each.id, (*cells, Cell(ago(each.last_sent))))


def _target_row(each: TargetView) -> TableRow:
    """A target of notifications as a line of the list."""
    quiet = f", quiet {each.quiet_hours} {each.time_zone}" if each.quiet_hours else ""
    failed = f"{each.failed} failed" if each.failed else ""
    word, tone = _TARGET[each.state]
    return TableRow(
        f"{TARGET}{each.name}",
        (
            "notify",
            Cell(f"{each.name}  {each.url}", below=f"{_level(each)}{quiet}"),
            Cell(word, tone, below=each.error),
            Cell(str(each.pending), below=failed),
            Cell(ago(each.last_sent)),
        ),
    )


def _level(each: TargetView) -> str:
    return "critical only" if each.level == "critical" else f"{each.level} and above"


def _message(each: DeliveryView) -> TableRow:
    """A message as a line of a webhook's list."""
    service = "—" if each.service_id is None else str(each.service_id)
    http = "—" if each.status is None else str(each.status)
    when = at(each.sent_at or each.created_at)
    return TableRow(
        each.id,
        (str(each.id), each.type, service, Cell(*_DELIVERY[each.state]), http, when, each.error or "—"),
    )


def _facts(each: WebhookView) -> list[tuple[str, object]]:
    return [
        ("URL", each.url),
        ("Events", ", ".join(each.events) or "every event"),
        ("Private address", each.allow_private),
        ("State", f"{each.state}: {each.why}" if each.why else each.state),
        ("Failing since", f"{at(each.failing_since)} UTC" if each.failing_since else "—"),
        ("Messages", f"{each.pending} pending, {each.failed} failed, last sent {ago(each.last_sent)}"),
        ("Created", f"{at(each.created_at)} UTC by {each.created_by}"),
    ]


def _target_facts(each: TargetView) -> list[tuple[str, object]]:
    return [
        ("URL", each.url),
        ("Level", _level(each)),
        ("Quiet hours", f"{each.quiet_hours} {each.time_zone}" if each.quiet_hours else "none"),
        ("State", each.state),
        ("Error", each.error),
        ("Failing since", f"{at(each.failing_since)} UTC" if each.failing_since else "—"),
        ("Notifications", f"{each.pending} pending, {each.failed} failed, last sent {ago(each.last_sent)}"),
    ]


def _description(each: DeliveryView) -> str:
    """Everything that is known about a message, line by line."""
    answer = f", HTTP {each.status}" if each.status is not None else ""
    lines = [
        f"Created {at(each.created_at)} UTC; {each.state}; attempts {each.attempts}{answer}.",
        f"Sent {at(each.sent_at)} UTC." if each.sent_at else "",
        f"Next attempt {at(each.due_at)} UTC." if each.due_at else "",
        f"webhook-id {each.message_id}",
        each.error,
        "",
        json.dumps(json.loads(each.body), indent=1, ensure_ascii=False),
    ]
    return "\n".join(line for line in lines if line)
