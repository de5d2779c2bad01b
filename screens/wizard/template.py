"""Step 3: the template that VMs are cloned from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import ClassVar

from engine.queries.granting import drive_command, template_commands
from engine.queries.offers import Offers, TemplateOffer
from screens.widgets.dialogs import Choice, Choose
from screens.wizard.page import Paragraph, Part, TextGrid, bad, commands, doubtful, good
from screens.wizard.state import Need, WizardState
from screens.wizard.step import StepContext, WizardStep

_USUAL_VMID = 9000


class TemplateStep(WizardStep):
    """Shows the templates of the cluster and remembers the one that was chosen."""

    NAME: ClassVar[str] = "template"
    LABEL: ClassVar[str] = "3 Template"
    TITLE: ClassVar[str] = "Step 3 of 6: the template for VMs"
    LATER: ClassVar[str] = "a product names its template: 5, then +."
    NEED: ClassVar[Need] = "offers"

    def done(self, known: WizardState) -> bool:
        return known.template is not None or bool(known.site.products)

    def enter(self, known: WizardState) -> str:
        return "chooses one" if usable(known.offers) else "looks again"

    def commands(self, known: WizardState) -> Sequence[str]:
        offers = known.offers
        if offers is None or usable(offers):
            return ()
        lacking = [each for each in offers.templates if not each.cloudinit]
        if lacking:
            return [drive_command(each.vmid, each.storage) for each in lacking]
        images, bridges = offers.storing("images"), offers.bridges
        vmid = next(n for n in range(_USUAL_VMID, 10**6) if n not in offers.vmids)
        return template_commands(
            vmid, images[0].name if images else "STORAGE", bridges[0].name if bridges else "vmbr0"
        )

    def words(self, known: WizardState) -> Iterable[Part]:
        offers = known.offers
        if offers is None:
            return
        if known.chosen is not None:
            yield good(f"Chosen: {known.chosen.vmid} {known.chosen.name}.")
            yield Paragraph()
        elif known.template is not None:
            yield bad(f"Template {known.template} was chosen, and {offers.server} does not show it any more.")
            yield Paragraph()
        yield from _list(offers)
        yield from self._what_to_do(known, offers)
        for sentence in offers.errors:
            yield doubtful(sentence)

    def _what_to_do(self, known: WizardState, offers: Offers) -> Iterator[Part]:
        lines = self.commands(known)
        if usable(offers):
            return
        yield Paragraph()
        if offers.templates:
            yield Paragraph(
                "None of them has a cloud-init drive, which sets addresses and passwords. On its node:"
            )
        else:
            yield bad(f"{offers.server} shows no template to {known.site.login}.")
            yield Paragraph(
                "If there is one, the login lacks VM.Audit and VM.Clone on it. If there is none, this makes one, "
                "as root on a node (y copies it):"
            )
        yield from commands(lines)
        yield Paragraph("Then t looks again.")

    async def act(self, context: StepContext, known: WizardState) -> bool:
        templates = usable(known.offers)
        if not templates:
            context.ask_again()
            return False
        choices = [Choice(str(each.vmid), _use(each)) for each in templates]
        chosen = await context.app.push_screen_wait(Choose("Template to clone", choices))
        if chosen is None:
            return False
        context.choose(int(chosen))
        return True


def usable(offers: Offers | None) -> list[TemplateOffer]:
    """The templates a VM can be made from: those with a cloud-init drive."""
    return [each for each in offers.templates if each.cloudinit] if offers else []


def _list(offers: Offers) -> Iterator[Part]:
    if not offers.templates:
        return
    heading = (("    VMID", "name", "node", "storage", "disk", "lacks"), "muted")
    yield TextGrid((heading, *(_row(each) for each in offers.templates)))
    if not all(each.cloudinit and each.agent for each in offers.templates):
        yield Paragraph()
        yield Paragraph(
            "A template without a cloud-init drive cannot be used. Without the guest agent a new password needs a "
            "restart.",
            "muted",
        )
    if offers.more_templates:
        yield Paragraph(
            f"… and {offers.more_templates} more, which can be named in the product's form.", "muted"
        )


def _row(each: TemplateOffer) -> tuple[tuple[str, ...], str]:
    sign = "[+]" if each.cloudinit and each.agent else "[~]" if each.cloudinit else "[-]"
    tone = {"[+]": "", "[~]": "warn", "[-]": "error"}[sign]
    return (f"{sign} {each.vmid}", each.name, each.node, each.storage, f"{each.gib} GiB", _lacks(each)), tone


def _lacks(each: TemplateOffer) -> str:
    missed = [*([] if each.cloudinit else ["cloud-init"]), *([] if each.agent else ["agent"])]
    return " and ".join(missed) or "nothing"


def _use(each: TemplateOffer) -> str:
    return f"{each.name} · {each.node} · {each.storage} · {each.gib} GiB"
