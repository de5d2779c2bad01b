"""How the answers of `server test`, `zone test` and `doctor` are shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvmtui.terminal import output

if TYPE_CHECKING:
    from engine.actions.doctor import CheckView

_WORDS = {"ok": "ok  ", "warn": "warn", "fail": "FAIL"}


def show(found: list[CheckView], as_json: bool) -> int:
    """Print them; exit status 1 when something needed failed."""
    if as_json:
        output.show_json(found)
    else:
        about = ""
        for one in found:
            if one.about != about:
                about = one.about
                output.write(output.safe(about))
            output.write(output.safe(f"  {_WORDS[one.result]} {one.name}: {one.sentence}"))
            for line in one.fix.splitlines() if one.result != "ok" else ():
                output.write(output.safe(f"       {line}"))
    return 1 if any(one.failed for one in found) else 0
