"""Who has services."""

from __future__ import annotations

from pydantic import Field

from engine.forms.form import Form
from engine.forms.kinds import Email, Language, Name


class ClientForm(Form):
    """A client."""

    name: Name = Field(title="Name", description="Name of the client; clients are matched by it.")
    email: Email = Field(title="E-mail", description="Address for mails about the client's VMs.")
    language: Language = Field("en", title="Language", description="Language of the mails, such as en.")
