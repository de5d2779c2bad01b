"""The grammar under all property strings: parts between commas, most of them key=value, one perhaps bare."""

from __future__ import annotations

from dataclasses import dataclass

from engine.errors import Refused

Part = tuple[str | None, str]


@dataclass(frozen=True, slots=True)
class Options:
    """The parts of a property string in their order; a bare part has no key."""

    parts: tuple[Part, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Options:
        """Reads `a=1,b=2`; empty parts mean nothing to Proxmox and are left out."""
        return cls(tuple(_part(part) for part in text.split(",") if part.strip()))

    def format(self) -> str:
        """The parts as Proxmox reads them."""
        return ",".join(value if key is None else f"{key}={value}" for key, value in self.parts)

    def get(self, key: str) -> str | None:
        """The value of a key, or None."""
        return next((value for name, value in self.parts if name == key), None)

    def flag(self, key: str, default: bool = False) -> bool:
        """The value of a key as yes or no."""
        value = self.get(key)
        return default if value is None else value.lower() in ("1", "on", "yes", "true")

    def number(self, key: str) -> float:
        """The value of a key as a number; 0 when absent or not one."""
        try:
            return float(self.get(key) or 0)
        except ValueError:
            return 0.0

    def with_(self, key: str, value: str) -> Options:
        """The same parts with one key changed in its place, or added at the end."""
        if "," in value or "\n" in value or not value:
            raise Refused(
                f"'{value}' cannot be the value of {key}: it is empty or holds a comma or a line end."
            )
        if self.get(key) is None:
            return Options((*self.parts, (key, value)))
        return Options(tuple((name, value if name == key else old) for name, old in self.parts))

    def without(self, *keys: str) -> Options:
        """The same parts without these keys."""
        return Options(tuple(part for part in self.parts if part[0] not in keys))

    def take(self, *keys: str) -> tuple[str | None, Options]:
        """The value of the first of these keys (or of the bare part) and everything else."""
        for index, (name, value) in enumerate(self.parts):
            if name is None or name in keys:
                return value, Options(self.parts[:index] + self.parts[index + 1 :])
        return None, self


NO_OPTIONS = Options()


def _part(text: str) -> Part:
    key, equals, value = text.partition("=")
    return (key, value) if equals else (None, text)


def number_text(value: float) -> str:
    """A number without a needless fraction."""
    return str(int(value)) if value == int(value) else repr(float(value))
