"""Step 1: the cluster, its token, and its certificate, which is trusted once an operator has compared it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, ClassVar
from urllib.parse import urlsplit

from engine.actions.repository import PutResult
from engine.actions.servers import create_server, put_server
from engine.errors import Refused
from engine.forms import ServerForm, checked
from engine.queries.granting import USUAL_LOGIN, first_commands
from engine.queries.inventory import server_values
from engine.queries.offers import certificates
from engine.queries.refs import id_of
from screens.framework.form_questions import nested
from screens.framework.save_dialog import SaveDialog, error_text, result_text
from screens.framework.screen import actor
from screens.servers import questions
from screens.widgets.fields import FormField
from screens.wizard.background import aside
from screens.wizard.certificate_dialog import SYSTEM, Trust
from screens.wizard.drafts import Draft
from screens.wizard.page import Paragraph, Part, commands, good
from screens.wizard.state import WizardState
from screens.wizard.step import StepContext, StepForm, WizardStep, answered, picked

_ASKED = (
    *("name", "hosts", "port", "login", "token_id", "token_secret"),
    *("user", "password", "tls__fingerprint", "tls__ca_file"),
)
_KEPT = ("limits", "state", "assigned_ips")
_TRUST = ("fingerprint", "ca_file", "system", "insecure")


class ServerStep(WizardStep):
    """Adds the first server, or changes it when it is there."""

    NAME: ClassVar[str] = "server"
    LABEL: ClassVar[str] = "1 Server"
    TITLE: ClassVar[str] = "Step 1 of 6: the Proxmox VE cluster"
    LATER: ClassVar[str] = "6, then +."

    def done(self, known: WizardState) -> bool:
        return bool(known.site.server)

    def waits(self, known: WizardState) -> str:
        return ""

    def enter(self, known: WizardState) -> str:
        return "changes it" if known.site.server else "opens the form"

    def commands(self, known: WizardState) -> Sequence[str]:
        return first_commands(known.site.login or USUAL_LOGIN)

    def words(self, known: WizardState) -> Iterable[Part]:
        if known.site.server:
            site = known.site
            yield good(f"{site.server} at {', '.join(site.hosts)}, as {site.login}.")
            yield Paragraph()
            yield Paragraph("The commands that made its token and its rights, if you want to run them again:")
            yield from commands(self.commands(known))
            return
        yield Paragraph(
            "There is no server yet. kvmtui needs the address of one node of your cluster, and an API token "
            "of its own. If you have the token, press enter."
        )
        yield Paragraph()
        yield Paragraph(
            "If not, run these as root on one node (y copies them). The second one prints the secret once: "
            "keep it for the form."
        )
        yield from commands(self.commands(known))
        yield Paragraph()
        yield Paragraph(
            "The certificate is fetched and shown to you before the secret is sent to anybody. Narrower "
            "rights, storage by storage: docs/proxmox-role.md.",
            "muted",
        )

    async def act(self, context: StepContext, known: WizardState) -> bool:
        name = known.site.server
        found = await context.in_thread(lambda: server_values(name) if name else {"token_id": USUAL_LOGIN})
        if found is None:
            return False
        dialog = ServerDialog(name, found, context.draft)
        await answered(context, dialog)
        if dialog.outcome is not None:
            context.notify(result_text(dialog.outcome), markup=False, timeout=6)
        return dialog.outcome is not None


class ServerDialog(SaveDialog):
    """The server's form; without a fingerprint or an authority it asks whether the certificate is the right one."""

    def __init__(self, name: str, values: Mapping[str, Any], draft: Draft) -> None:
        self._server, self._opened = name, values
        self._looking = False
        form = StepForm(draft, _fields(), self._made, _asked(values))
        super().__init__(f"Edit server {name}" if name else "Add your server", form, self._put)

    def on_mount(self) -> None:
        super().on_mount()
        self.form.suggest("tls__fingerprint", "empty: it is fetched and shown to you next")

    def taken(self, values: dict[str, object]) -> None:
        """Nothing is saved before it is known whom to trust."""
        if any(values.get(f"tls__{way}") for way in _TRUST):
            super().taken(values)
        elif not self._looking:
            self._looking = True
            self.run_worker(self._trust(values), group="dialog")

    async def _trust(self, values: dict[str, object]) -> None:
        made = self._made(values)
        self.form.hint("tls__fingerprint", "Asking for the certificate …")
        try:
            shown = await aside(partial(certificates, made.hosts, made.port))
        except Exception as error:  # noqa: BLE001 - whatever went wrong, the operator gets a sentence
            self.say(error_text(error))
        else:
            silent = " ".join(each.error for each in shown if each.error)
            if silent:
                self.say(f"{silent} Correct it, or type the fingerprint to save it as it is.")
            else:
                answer = await self.app.push_screen_wait(Trust(shown))
                await self._vouch(answer, shown[0].fingerprint, values)
        self.form.hint("tls__fingerprint", "")
        self._looking = False

    async def _vouch(self, answer: str | None, fingerprint: str, values: dict[str, object]) -> None:
        if answer is None:
            self.say("Nothing was saved, because nobody vouched for the certificate.")
        elif answer == SYSTEM:
            super().taken(values | {"tls__system": True})
        else:
            self.form.fill("tls__fingerprint", fingerprint)
            super().taken(values | {"tls__fingerprint": fingerprint})

    def _made(self, answers: Mapping[str, object]) -> ServerForm:
        """The engine's form; until the certificate is confirmed, it is validated as trusted by the system."""
        values = _addressed(nested(answers))
        values.pop("login", None)
        trusted = {way: value for way, value in values.pop("tls", {}).items() if value}
        kept = {name: self._opened[name] for name in _KEPT if name in self._opened}
        return checked(ServerForm, {**kept, **values, "tls": trusted or {"system": True}})

    def _put(self, answers: dict[str, object]) -> PutResult:
        form = self._made(answers)
        if not self._server:
            return create_server(form, actor())
        if server_values(self._server) != self._opened:
            raise Refused(
                f"Somebody changed server {self._server} after this form was opened; nothing was saved. "
                "Close the form with esc and open it again."
            )
        return put_server(form, actor(), id_of("server", self._server))


def _fields() -> list[FormField]:
    """The fields. The certificate is confirmed afterwards, so neither a fingerprint nor a file is required here."""
    found = picked(questions.fields(), _ASKED)
    return [_freed(each) for each in found]


def _freed(field: FormField) -> FormField:
    if field.name.startswith("tls__"):
        return replace(field, when=None, required=False)
    return replace(field, kind="words") if field.name == "hosts" else field


def _asked(values: Mapping[str, Any]) -> dict[str, object]:
    """The values of a server, or those a new one begins with, as the questions take them."""
    asked = questions.asked(values)
    return {name: value for name, value in asked.items() if name in _ASKED}


def _addressed(values: Mapping[str, Any]) -> dict[str, Any]:
    """A host that was pasted as the address of its web page, `https://host:port/…`, taken apart."""
    found, hosts = dict(values), []
    for each in values.get("hosts") or ():
        try:
            page = urlsplit(each) if "://" in each else None
            hosts.append((page.hostname or each) if page else each)
            found["port"] = (page.port if page else None) or found.get("port")
        except ValueError:  # a port that is none: the form says what a host looks like
            hosts.append(each)
    return {**found, "hosts": hosts}
