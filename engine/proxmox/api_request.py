"""One request to Proxmox as a value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

from engine.errors import Refused

from .journal import Value


@dataclass(frozen=True, slots=True)
class ApiRequest:
    """One request: where it goes, with what, and what it means in words."""

    method: str
    path: tuple[str, ...]
    what: str
    params: Mapping[str, Value] = field(default_factory=dict, repr=False)
    changing: bool = False
    heavy: bool = False
    node: str | None = None
    vmid: int | None = None
    needs: tuple[str, str] | None = None  # the privilege and path of a refusal in which Proxmox names none

    @property
    def url_path(self) -> str:
        """The path as it goes into the URL."""
        return "/".join(safe_segment(part) for part in self.path)


def safe_segment(part: str) -> str:
    """One part of a path, quoted; a part that would climb to another path is refused."""
    if part in ("", ".", ".."):
        raise Refused(f"'{part}' cannot be part of a Proxmox path; a name is missing or wrong.")
    return quote(part, safe=":@!")
