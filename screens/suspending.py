"""Why a service is suspended: asked before it is done, and told to whoever wants to start its machine."""

from __future__ import annotations

from collections.abc import Mapping

from screens.widgets.fields import Field
from screens.widgets.form import Form, FormDialog

REASON = "reason"
_QUESTION = Field(
    REASON, "Reason", help="Shown to whoever wants to start the VM, and kept in the audit.", required=True
)


class WhyDialog(FormDialog):
    """Asks for the reason; leaving it suspends nothing."""

    def __init__(self, what: str) -> None:
        super().__init__(f"Suspend {what}", Form(fields=(_QUESTION,), judge=_judged), save="Suspend")


def _judged(answers: Mapping[str, object]) -> dict[str, str]:
    return (
        {}
        if str(answers.get(REASON) or "").strip()
        else {REASON: "A reason is needed; z suspends without one."}
    )
