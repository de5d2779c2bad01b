"""The overrides of a service: the form, and a preview of a change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from engine.forms import OptionsForm, ProductForm, checked
from engine.plan import OPTION_PATHS, TRAFFIC, Plan, effective
from engine.queries.effects import Effect, When
from screens.common.text import plain
from screens.framework.form_questions import JOINT, faults, in_sections, nested, questions
from screens.widgets.dialogs import PlanLine
from screens.widgets.fields import FormField
from screens.widgets.form import FormDialog, FormWidget

_LIMITS = ("mbps_rd", "mbps_wr", "iops_rd", "iops_wr")
_UNLIMITED = (*_LIMITS, "bandwidth", "traffic_gib")
"""Fields for which 0 means unlimited."""
_SECTIONS: dict[str, tuple[str, ...]] = {
    "Options: empty is the value of the product": ("cores", "memory", "template", "backups", "snapshots"),
    "Options: network": ("bandwidth", "ipv4", "ipv6"),
    "Options: traffic": TRAFFIC,
    **{
        f"Options: {words}": (disk, *(f"{disk}_{limit}" for limit in _LIMITS))
        for disk, words in (("system_disk", "system disk"), ("additional_disk", "additional disk"))
    },
}
_WHEN: dict[When, str] = {
    "change": "",
    "at once": "at once",
    "reinstall": "from the next reinstall on",
    "never": "",
}
INTERRUPTS = "The VM is shut down and started again, whatever changes."
QUIET = "Nothing in the VM changes, but it is still shut down and started again."
AT_ONCE = "Nothing in the VM changes and it runs on; what changes is what it may have from now on."


def sectioned(
    fields: Sequence[FormField], before: str = "", **others: tuple[str, ...]
) -> tuple[FormField, ...]:
    """The questions about options under their headings, after those of other sections."""
    options = {title: tuple(before + name for name in names) for title, names in _SECTIONS.items()}
    return in_sections(fields, {**others, **options})


def suggest(form: FormWidget, spec: Mapping[str, Any] | None, before: str = "") -> None:
    """Shows in every option that is left empty what the product has."""
    plan = None if spec is None else effective(spec, {})
    for name in OPTION_PATHS:
        form.suggest(before + name, "" if plan is None else f"{has(plan, name)} (the product's)")


def has(plan: Plan, option: str) -> Any:
    """What a plan says about an option."""
    found: Any = plan
    for part in OPTION_PATHS[option]:
        found = getattr(found, part)
    return found


class OptionsDialog(FormDialog):
    """Asks what a service has other than its product; answers with every option, None for the product's."""

    def __init__(self, what: str, options: Mapping[str, Any], spec: Mapping[str, Any]) -> None:
        form = FormWidget(
            fields=sectioned(questions(OptionsForm)),
            judge=lambda answers: faults(lambda: checked(OptionsForm, nested(answers)), answers),
            values=dict(options),
        )
        super().__init__(f"Options of {what}", form, save="Preview")
        self._spec = spec

    def on_mount(self) -> None:
        suggest(self.form, self._spec)

    def taken(self, values: dict[str, object]) -> None:
        """Hands over the options as the engine keeps them."""
        self.dismiss(checked(OptionsForm, nested(values)).model_dump())


def lines_of(effects: Sequence[Effect]) -> list[PlanLine]:
    """What would change, when, and what cannot be undone; `=` marks requested changes without effect."""
    return [PlanLine("=" if each.when == "never" else "~", _line(each)) for each in effects]


def _line(each: Effect) -> str:
    facts = [_WHEN[each.when]] if each.when != "never" else []
    if each.needs_stop:
        facts.append("only a stopped VM takes it")
    if each.lasting:
        facts.append(f"for good: {each.note}" if each.note else "for good")
    elif each.note:
        facts.append(each.note)
    words = change_words(each.field, each.old, each.new)
    facts = [fact for fact in facts if fact]
    return f"{words}  ({'; '.join(facts)})" if facts else words


def change_words(field: str, old: Any, new: Any) -> str:
    """A change of one field of a plan."""
    return f"{words_of(field)}: {shown(old, field)} → {shown(new, field)}"


def words_of(field: str) -> str:
    """A field of a plan as the form of products calls it: `system_disk.size` is `System disk size`."""
    asked = _asked().get(field)
    if asked is None:
        return field.replace("_", " ").replace(".", " ").capitalize()
    if not asked.section:
        return asked.title
    title = asked.title if asked.title[:2].isupper() else asked.title[0].lower() + asked.title[1:]
    return f"{asked.section} {title}"


@cache
def _asked() -> dict[str, FormField]:
    return {each.name.replace(JOINT, "."): each for each in questions(ProductForm)}


def shown(value: Any, field: str) -> str:
    """A value of a field of a plan as words."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value == 0 and field.rpartition(".")[2] in _UNLIMITED:
        return "unlimited"
    return plain(value) if value not in (None, "") else "as the template has it"
