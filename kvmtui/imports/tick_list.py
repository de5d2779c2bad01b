"""The list of VMs to adopt, a line for each, which an operator ticks in an editor."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from engine.errors import Refused
from engine.imports.whmcs.plan import Adoption
from kvmtui.manifest.exporting import write
from kvmtui.terminal.output import safe

_MOST_BYTES = 16 * 1024 * 1024
_WORD = r'("(?:[^"\\]|\\.)*"|\S+)'
_LINE = re.compile(rf"\[([ xX]?)\]\s+([0-9]{{1,10}})\s+vmid\s+([0-9]{{1,10}})\s+{_WORD}\s+{_WORD}(?:\s.*)?")
_HEAD = """\
# VMs to adopt. Put an x between the brackets of each VM that is to become a service of kvmtui: [x]
# Then: kvmtui import whmcs … --adoptions THIS_FILE --apply
# Lines that begin with # are not read. Adopting writes an ownership mark into the VM and changes nothing else.
"""


@dataclass(frozen=True, slots=True)
class TickLine:
    """A line of the list: the VM it names, and whether it is ticked."""

    line: int
    ticked: bool
    service: int
    vmid: int
    server: str
    name: str


def write_list(path: Path, adoptions: Iterable[Adoption]) -> None:
    """Write the list with nothing ticked; a VM that cannot be adopted is a comment that says why."""
    lines = [f"# {_line(each)}: {safe(each.why)}" if each.why else f"[ ] {_line(each)}" for each in adoptions]
    write(path, "\n".join([_HEAD, *lines, ""]), "The list")


def read_list(path: Path) -> list[TickLine]:
    """The lines of a list; refused, with the line, when one is not understood or names a service twice."""
    try:
        with path.open("rb") as stream:
            raw = stream.read(_MOST_BYTES + 1)
        text = raw.decode("utf-8-sig")
    except OSError as error:
        raise Refused(f"The list {path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError:
        raise Refused(f"The list {path} is not text in UTF-8.") from None
    if len(raw) > _MOST_BYTES:
        raise Refused(f"The list {path} is larger than {_MOST_BYTES >> 20} MiB.")
    found: dict[int, TickLine] = {}
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        match = _LINE.fullmatch(line.strip())
        if match is None:
            raise Refused(
                f"{path}:{number}: a line reads [ ] SERVICE vmid NUMBER SERVER NAME, with x between the brackets "
                "to adopt it. Nothing was adopted."
            )
        service = int(match[2])
        if service in found:
            raise Refused(f"{path}:{number}: service {service} is listed twice. Nothing was adopted.")
        server, name = _unquoted(match[4]), _unquoted(match[5])
        found[service] = TickLine(number, match[1] not in ("", " "), service, int(match[3]), server, name)
    return list(found.values())


def difference(line: TickLine, each: Adoption) -> str:
    """What a line says that is no longer so; empty when it names this VM."""
    if (line.vmid, line.server) != (each.vmid, each.server):
        return f"the list has VM {line.vmid} on {line.server}, and WHMCS has VM {each.vmid} on {each.server}"
    if each.called and line.name != each.called:
        return f"the list has the name '{line.name}', and VM {each.vmid} is called '{each.called}'"
    return ""


def _line(each: Adoption) -> str:
    words = [
        str(each.service),
        "vmid",
        str(each.vmid),
        _quoted(each.server),
        _quoted(each.called or each.prior.name),
    ]
    words += ["client", _always_quoted(each.client), "product", _always_quoted(each.product)]
    words += ["suspended"] if each.prior.suspended else []
    return " ".join([*words, *map(str, each.prior.addresses)])


def _quoted(text: str) -> str:
    return text if re.fullmatch(r"[A-Za-z0-9_.-]+", text) else _always_quoted(text)


def _always_quoted(text: str) -> str:
    return json.dumps(safe(text), ensure_ascii=False)


def _unquoted(word: str) -> str:
    return str(json.loads(word)) if word.startswith('"') else word
