"""HestiaCP's command API in memory: its two kinds of login and its misleading statuses."""

from __future__ import annotations

import json
import re
import ssl
from dataclasses import dataclass, field
from urllib.parse import parse_qs

from kvmtui.lab.dns.hestia_commands import COMMANDS, CommandResult, Panel
from kvmtui.lab.dns.server import FakeRequest, FakeResponse, FakeServer

HTML = ("Content-type", "text/html; charset=UTF-8")
JSON = ("Content-Type", "application/json; charset=utf-8")
_COMMAND = re.compile(r"[a-z0-9-]+")
_STATUS = {2: 422, 5: 401, 6: 401, 10: 401, 21: 401}


@dataclass(slots=True)
class FakeKey:
    """An access key's secret and the commands it may run; none listed means all."""

    secret: str
    commands: frozenset[str] = frozenset()


@dataclass(slots=True)
class Switches:
    """The panel's settings that decide who gets in."""

    api: bool = True
    api_system: bool = True
    removed: bool = False
    disabled: bool = False
    allow_all: bool = True
    keys: dict[str, FakeKey] = field(default_factory=dict)


class HestiaFake(FakeServer):
    """One panel with users and their zones."""

    def __init__(
        self, password: str, admin: str = "admin", ssl_context: ssl.SSLContext | None = None
    ) -> None:
        super().__init__(ssl_context)
        self.admin = admin
        self.password = password
        self.switches = Switches()
        self.panel = Panel()
        self.panel.users[admin] = {}

    def add_zone(self, name: str, user: str = "") -> None:
        """Creates a zone with its name servers and their one address, as the panel does."""
        self.panel.add_zone(user or self.admin, name)

    def contents(self, zone: str, label: str, kind: str) -> list[str]:
        """The values at a relative name, sorted."""
        return sorted(
            row["VALUE"] for row in self.panel.rows(zone) if (row["RECORD"], row["TYPE"]) == (label, kind)
        )

    def commands(self) -> list[str]:
        """The commands received so far, in order."""
        return [_form(request).get("cmd", "") for request in self.requests]

    def answer(self, request: FakeRequest) -> FakeResponse:
        """Answers a call as web/api/index.php does."""
        if self.switches.removed or request.path != "/api/":
            return FakeResponse(404, b"<html><head><title>404 Not Found</title></head></html>", (HTML,))
        if self.switches.disabled:
            return FakeResponse(200, b"Error: Disabled", (HTML,))
        form = _form(request)
        with_code = form.get("returncode") == "yes"
        key_id, _, secret = form.get("hash", "").partition(":")
        if form.get("access_key") or secret:
            key_id, secret = form.get("access_key") or key_id, form.get("secret_key") or secret
            return self._by_key(form, key_id, secret, with_code)
        if form.get("user") or form.get("hash"):
            return self._by_password(form, with_code)
        page = "https://hestiacp.com/docs/server-administration/rest-api.html"
        return _refusal(405, 405, f"data received is null or invalid, check {page}", False)

    # --- administrator and password ---

    def _by_password(self, form: dict[str, str], with_code: bool) -> FakeResponse:
        if not self.switches.api:
            twice = b"11" if with_code else b"Error: API Disabled"
            return FakeResponse(
                400, b"Error: API has been disabled" + twice, (("Hestia-Exit-Code", "11"), HTML)
            )
        if not self.switches.allow_all:
            return _refusal(401, 10, "IP is not allowed to connect with API", with_code)
        if form.get("user", self.admin) != self.admin:
            return _refusal(401, 10, "authentication failed", with_code)
        if form.get("password") != self.password:
            return _refusal(401, 9, "authentication failed", with_code)
        if (bad := _bad_command(form)) is not None:
            return bad
        outcome = self._run(form)
        if with_code:
            return FakeResponse(200, str(outcome.code).encode(), (HTML,))
        return FakeResponse(200, outcome.text.encode() or b"OK", (HTML,))

    # --- access key ---

    def _by_key(self, form: dict[str, str], key_id: str, secret: str, with_code: bool) -> FakeResponse:
        if not self.switches.api_system:
            return _refusal(400, 11, "API has been disabled", False)
        key = self.switches.keys.get(key_id)
        if key is None:
            return _refusal(401, 9, f"key {key_id} doesn't exist", False)
        if key.secret != secret:
            return _refusal(401, 9, f"Invalid secret key for key {key_id}", False)
        if not self.switches.allow_all:
            return _refusal(401, 10, "IP is not allowed to connect with API", False)
        if (bad := _bad_command(form)) is not None:
            return bad
        command = form["cmd"]
        if key.commands and command not in key.commands:
            text = f"Key {key_id} don't have permission to run the command {command}"
            return _refusal(401, 10, text, False)
        return _honest(self._run(form), with_code)

    def _run(self, form: dict[str, str]) -> CommandResult:
        """Arguments left out are not there: those behind them move up."""
        arguments = [form[f"arg{n}"] for n in range(1, 14) if f"arg{n}" in form]
        command = COMMANDS.get(form["cmd"])
        if command is None:
            return CommandResult(1)
        return command(self.panel, arguments)


def _form(request: FakeRequest) -> dict[str, str]:
    if "json" in request.headers.get("content-type", ""):
        found = json.loads(request.body or b"{}")
        return {str(name): str(value) for name, value in found.items()}
    parsed = parse_qs(request.body.decode(), keep_blank_values=True)
    return {name: values[-1] for name, values in parsed.items()}


def _bad_command(form: dict[str, str]) -> FakeResponse | None:
    command = form.get("cmd", "")
    if not command:
        return _refusal(422, 2, "Command not provided", False)
    if not _COMMAND.fullmatch(command):
        return _refusal(422, 2, f"{command} command invalid", False)
    return None


def _refusal(status: int, code: int, text: str, with_code: bool) -> FakeResponse:
    body = str(code) if with_code else f"Error: {text}"
    return FakeResponse(status, body.encode(), (("Hestia-Exit-Code", str(code)), HTML))


def _honest(outcome: CommandResult, with_code: bool) -> FakeResponse:
    code = ("Hestia-Exit-Code", str(outcome.code))
    if with_code:
        return FakeResponse(200, str(outcome.code).encode(), (code, HTML))
    if outcome.code:
        return FakeResponse(_STATUS.get(outcome.code, 400), outcome.text.encode(), (code, HTML))
    if not outcome.text:
        return FakeResponse(204, b"", (code, HTML))
    return FakeResponse(200, outcome.text.encode(), (code, JSON if outcome.is_json else HTML))
