"""The tokens of the HTTP API: create, rotate and revoke them; a secret is shown once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import Field
from textual.worker import Worker

from engine.actions import tokens
from engine.actions.repository import PutResult
from engine.clock import now_ms
from engine.forms import Form, checked
from engine.queries.tokens import TokenView, token
from engine.queries.tokens import tokens as all_tokens
from screens.common.bindings import bindings
from screens.common.text import plain
from screens.common.times import ago, at
from screens.framework.form_questions import faults, questions
from screens.framework.record_view import RecordView
from screens.framework.save_dialog import SaveDialog
from screens.framework.screen import actor
from screens.framework.secret_dialog import SecretDialog
from screens.settings.subscreen import SettingsList, record_lines
from screens.widgets.dialogs import TypeName
from screens.widgets.fields import FormField
from screens.widgets.form import FormWidget
from screens.widgets.rows import Cell, Column, TableRow

_DAY_MS = 86_400_000
_SOON_DAYS = 14
_STATES = {"active": ("+ active", "ok"), "expired": ("- expired", "error"), "revoked": ("x revoked", "muted")}
Line = Annotated[str, Field(max_length=200)]


class TokenQuestions(Form):
    """What a new token may do, and until when."""

    name: str = Field(
        title="Name", min_length=1, max_length=60, description="In the audit log as token:NAME."
    )
    role: Literal["viewer", "support", "operator", "owner", "metrics"] = Field(
        title="Role", description="What it may do; metrics reads /metrics alone."
    )
    expires: str = Field(
        "", title="Expires", max_length=20, description="90d, 12h, 8w or 2027-01-31; empty: never."
    )
    clients: list[Line] = Field(
        default_factory=list, title="Clients", description="One per line; none: every client."
    )
    products: list[Line] = Field(
        default_factory=list, title="Products", description="One per line; none: every product."
    )


class RotateQuestions(Form):
    """When a rotated token expires."""

    expires: str = Field(
        "", title="Expires", max_length=20, description="90d, 12h, 8w or 2027-01-31; empty: as now."
    )


class TokensScreen(SettingsList):
    """Who may use the API."""

    NAME = SCOPE = "tokens"
    BINDINGS = bindings("tokens")
    COMMAND = "kvmtui token list"
    NOUN = "token"
    EMPTY = "No token yet.\nPress + to create one for a billing system."
    FORM = TokenQuestions
    MANY_LINES = frozenset({"clients", "products"})
    TALL = 2
    COLUMNS = (
        Column("name", "Name", 16, grow=True),
        Column("role", "Role", 8),
        Column("state", "State", 9),
        Column("limits", "Limits", 14, 3, grow=True),
        Column("expires", "Expires", 10),
        Column("used", "Last used", 15, 2),
    )

    def __init__(self) -> None:
        super().__init__()
        self._made: tokens.NewToken | None = None

    def rows(self) -> Sequence[TableRow]:
        return [_row(each) for each in all_tokens()]

    def commands(self) -> list[str]:
        key = self.list.cursor_key
        own = [f"kvmtui token rotate {key}", f"kvmtui token revoke {key}"] if key else []
        return [*own, "kvmtui token list --json", "kvmtui token create NAME --role ROLE"]

    async def look_at(self, key: Any) -> None:
        """Shows a token; it cannot be edited, only rotated or revoked."""
        found = await self.in_thread(lambda: token(key))
        if found is not None:
            view = RecordView(
                f"Token {plain(key)}", [("", record_lines(_facts(found)))], None, editable=False
            )
            await self.app.push_screen_wait(view)

    def save(self, form: Any, key: Any) -> PutResult:
        self._made = tokens.create(actor(), form.name, form.role, form.clients, form.products, form.expires)
        return PutResult("token", form.name, "create")

    async def ask_until_saved(self, dialog: SaveDialog) -> None:
        """Shows a form; once it is saved, shows the secret."""
        self._made = None
        await self.app.push_screen_wait(dialog)
        if self._made is not None:
            made, self._made = self._made, None
            self.reread()
            about = "Only its SHA-256 is stored."
            self.app.push_screen(
                SecretDialog(f"Secret of token {plain(made.token.name)}", made.secret, about)
            )

    def do_rotate(self) -> Worker[None] | None:
        key = self.current()
        return (
            None if key is None else self.run_worker(self._rotate(str(key)), group="dialog", exclusive=True)
        )

    async def _rotate(self, name: str) -> None:
        def save(answers: dict[str, object]) -> PutResult:
            self._made = tokens.rotate(actor(), name, str(answers.get("expires") or ""))
            return PutResult("token", name, "change")

        form = FormWidget(fields=_rotation(), judge=lambda answers: faults(lambda: _asked(answers), answers))
        title = f"Rotate token {plain(name)}? Its present secret stops working at once."
        await self.ask_until_saved(SaveDialog(title, form, save))

    def do_revoke(self) -> Worker[None] | None:
        key = self.current()
        return (
            None if key is None else self.run_worker(self._revoke(str(key)), group="dialog", exclusive=True)
        )

    async def _revoke(self, name: str) -> None:
        losses = (
            "Requests with it are refused from now on; it never works again.",
            "The webhooks it created are paused.",
        )
        if await self.app.push_screen_wait(TypeName(f"Revoke token {plain(name)}?", name, losses)):
            said = await self.in_thread(lambda: tokens.revoke(actor(), name))
            if said is not None:
                self.notify(said, markup=False)
            self.reread()


def _rotation() -> Sequence[FormField]:
    return questions(RotateQuestions)


def _asked(answers: Any) -> Form:
    return checked(RotateQuestions, answers)


def _row(each: TokenView) -> TableRow:
    """A token as a line of the list."""
    return TableRow(
        each.name,
        (
            Cell(each.name, "muted" if each.state == "revoked" else "", below=f"by {each.created_by}"),
            each.role,
            Cell(*_STATES[each.state]),
            Cell(_limits(each.clients, "client"), below=_limits(each.products, "product")),
            _expiry(each),
            Cell(ago(each.last_used_at), below=each.last_address),
        ),
    )


def _limits(names: Sequence[str] | None, noun: str) -> str:
    return f"every {noun}" if names is None else ", ".join(names)


def _expiry(each: TokenView) -> Cell:
    """The day it expires, and how far off that is while it works."""
    if each.expires_at is None:
        return Cell("never", "muted")
    left = (each.expires_at - now_ms()) // _DAY_MS
    day = at(each.expires_at)[:10]
    if each.state != "active":
        return Cell(day, "muted")
    soon = left < _SOON_DAYS
    return Cell(
        day, "warn" if soon else "", below=f"{'~ ' if soon else ''}in {left} d" if left else "~ today"
    )


def _facts(each: TokenView) -> list[tuple[str, object]]:
    """A token as it is read."""
    return [
        ("Name", each.name),
        ("Role", each.role),
        ("State", each.state),
        ("Clients", _limits(each.clients, "client")),
        ("Products", _limits(each.products, "product")),
        ("Created", f"{at(each.created_at)} UTC by {each.created_by}"),
        ("Expires", f"{at(each.expires_at)} UTC" if each.expires_at else "never"),
        ("Secret rotated", f"{at(each.rotated_at)} UTC" if each.rotated_at else "never"),
        ("Revoked", f"{at(each.revoked_at)} UTC" if each.revoked_at else "no"),
        (
            "Last used",
            f"{at(each.last_used_at)} UTC from {each.last_address}" if each.last_used_at else "never",
        ),
    ]
