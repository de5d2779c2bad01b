"""The table of DNS providers in docs/dns.md, from what the providers declare.

`python -m engine.dns.reference docs/dns.md` writes it into the page.
"""

from __future__ import annotations

import sys
from pathlib import Path

from engine.dns.providers import PROVIDERS
from engine.forms.form import secret_fields
from engine.forms.zone import ZoneForm

BEGIN, END = "<!-- providers: generated -->", "<!-- providers: end -->"


def provider_table() -> str:
    """A line for each provider: its name, its fields with their defaults, and what to allow there."""
    lines = ["| provider | `type` | fields | permission |", "|---|---|---|---|"]
    for name, form in PROVIDERS.items():
        lines.append(f"| {form.LABEL} | `{name}` | {'; '.join(_fields(form))} | {form.PERMISSION} |")
    return "\n".join(lines)


def _fields(form: type[ZoneForm]) -> list[str]:
    common = (*ZoneForm.model_fields, "type", "tls")
    return [_field(form, name) for name in form.model_fields if name not in common]


def _field(form: type[ZoneForm], name: str) -> str:
    info = form.model_fields[name]
    text = f"`{name}`"
    if not info.is_required() and info.default not in ("", None):
        text += f" [{str(info.default).lower() if isinstance(info.default, bool) else info.default}]"
    return text + (" (secret)" if name in secret_fields(form) else "")


def with_table(page: str) -> str:
    """The page with its table as the providers declare it now."""
    before, _, rest = page.partition(BEGIN)
    after = rest.partition(END)[2]
    return f"{before}{BEGIN}\n\n{provider_table()}\n\n{END}{after}"


if __name__ == "__main__":
    path = Path(sys.argv[1])
    path.write_text(with_table(path.read_text(encoding="utf-8")), encoding="utf-8")
