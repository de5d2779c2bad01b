"""A test mail, sent from the console: whom it goes to, and what the mail server said."""

from __future__ import annotations

import asyncio

from pydantic import Field
from textual.app import App

from engine.actions.mail import send_test
from engine.audit import Actor
from engine.forms import Form, checked
from engine.forms.kinds import Email
from screens.common.text import plain
from screens.framework.form_questions import faults, questions
from screens.framework.save_dialog import error_text
from screens.widgets.dialogs import Notice
from screens.widgets.form import FormDialog, FormWidget


class Recipient(Form):
    """Whom a test mail goes to."""

    address: Email = Field(title="Send it to", description="It goes out at once, past the mails that wait.")


async def send(app: App[int], actor: Actor) -> None:
    """Asks for an address, sends a mail there now, and shows what came of it."""
    form = FormWidget(
        fields=questions(Recipient),
        judge=lambda answers: faults(lambda: checked(Recipient, answers), answers),
    )
    answers = await app.push_screen_wait(FormDialog("Send a test mail", form, save="Send"))
    if answers is None:
        return
    address = str(answers["address"])
    app.notify(f"Sending a mail to {plain(address)} …", markup=False, timeout=3)
    said, failed = await asyncio.to_thread(_sent, address, actor)
    title = "The test mail was not sent" if failed else "The test mail is on its way"
    app.push_screen(Notice(title, said, danger=failed))


def _sent(address: str, actor: Actor) -> tuple[str, bool]:
    """What the mail server said, or why it was not sent; and whether that is so."""
    try:
        return send_test(address, actor), False
    except Exception as error:  # noqa: BLE001 - whatever went wrong, the operator gets a sentence
        return error_text(error), True
