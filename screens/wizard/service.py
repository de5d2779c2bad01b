"""Step 6: the first VM. Client, service and a preview; then it is deployed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import ClassVar

from engine.actions.clients import create_client
from engine.actions.services import create_service
from engine.forms import ClientForm, ServiceForm, checked
from engine.queries.inventory import product_values
from screens.framework.form_questions import questions
from screens.framework.screen import actor
from screens.widgets.dialogs import PlanDialog
from screens.widgets.fields import FormField
from screens.widgets.form import FormDialog
from screens.wizard.check import brief, missing_commands
from screens.wizard.drafts import Draft
from screens.wizard.page import Paragraph, Part, good
from screens.wizard.state import Need, WizardState
from screens.wizard.step import StepContext, StepForm, WizardStep
from screens.wizard.summary import summary


class ServiceStep(WizardStep):
    """Orders the first VM and ends at its page."""

    NAME: ClassVar[str] = "service"
    LABEL: ClassVar[str] = "6 Service"
    TITLE: ClassVar[str] = "Step 6 of 6: the first VM"
    LATER: ClassVar[str] = "7 adds a client, 8 a service; each with +."
    NEED: ClassVar[Need] = "checks"

    def done(self, known: WizardState) -> bool:
        return known.site.vm is not None

    def waits(self, known: WizardState) -> str:
        first = super().waits(known)
        return first or ("" if known.site.products else "This needs a product first: that is step 5.")

    def enter(self, known: WizardState) -> str:
        return "continues" if self.done(known) else "opens the form"

    def commands(self, known: WizardState) -> list[str]:
        return missing_commands(known)

    def words(self, known: WizardState) -> Iterable[Part]:
        if self.done(known):
            yield good("The first service is set up.")
            return
        yield Paragraph(
            "Choose the client and the product. You will see what happens before it happens; "
            "then the VM is deployed while you watch."
        )
        yield Paragraph()
        yield from brief(known)
        if known.failed:
            yield Paragraph("Step 2 explains each of them. The VM can still be ordered: it waits there.")

    async def act(self, context: StepContext, known: WizardState) -> bool:
        if known.site.vm is not None:
            context.forward()
            return False
        form = _form(context.draft, known)
        answers = await context.app.push_screen_wait(FormDialog("The first VM", form, save="Continue"))
        form.close(taken=False)
        if answers is None or not await _agreed(context, known, answers):
            return False
        if await context.in_thread(lambda: _ordered(known, answers)) is not None:
            form.close(taken=True)
            context.show_log()
        return True


async def _agreed(context: StepContext, known: WizardState, answers: Mapping[str, object]) -> bool:
    """Whether the operator saw what will happen and wants it."""
    spec = await context.in_thread(lambda: product_values(str(answers["product"])))
    if spec is None:
        return False
    plan: PlanDialog = PlanDialog("This will happen", summary(known, spec, answers), yes="Deploy it")
    return await context.app.push_screen_wait(plan) is True


def _form(draft: Draft, known: WizardState) -> StepForm:
    """A client and a product; where there are clients already, one of them is chosen."""
    clients = known.site.clients
    by_name: dict[str, FormField] = {each.name: each for each in questions(ClientForm)}
    by_name["product"] = next(each for each in questions(ServiceForm) if each.name == "product")
    names = ("name", "product") if clients else ("name", "email", "product")
    fields = [replace(by_name[name], section="") for name in names]
    fields[0] = replace(fields[0], title="Client")
    return StepForm(
        draft,
        fields,
        lambda answers: _client_form(known, answers) or _service_form(answers),
        {"product": known.site.products[0], "name": clients[0] if clients else None},
        {"name": clients, "product": known.site.products},
    )


def _client_form(known: WizardState, answers: Mapping[str, object]) -> ClientForm | None:
    """The client to be made; None when it is there."""
    if answers.get("name") in known.site.clients:
        return None
    given = {name: answers.get(name) for name in ("name", "email")}
    return checked(ClientForm, {name: value for name, value in given.items() if value is not None})


def _service_form(answers: Mapping[str, object]) -> ServiceForm:
    return checked(ServiceForm, {"client": answers.get("name"), "product": answers.get("product")})


def _ordered(known: WizardState, answers: Mapping[str, object]) -> int:
    """Makes the client, unless it is there, and the service; its number."""
    client = _client_form(known, answers)
    if client is not None:
        create_client(client, actor())
    return int(create_service(_service_form(answers), actor()).id)
