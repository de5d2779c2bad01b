"""How colours look to an eye without red or green cones: simulated as in Machado, Oliveira and Fernandes (2009)."""

from __future__ import annotations

from textual.color import Color

Triple = tuple[float, float, float]
DICHROMATS: dict[str, tuple[Triple, Triple, Triple]] = {
    "protanopia": (
        (0.152286, 1.052583, -0.204868),
        (0.114503, 0.786281, 0.099216),
        (-0.003882, -0.048116, 1.051998),
    ),
    "deuteranopia": (
        (0.367322, 0.860646, -0.227968),
        (0.280085, 0.672501, 0.047413),
        (-0.011820, 0.042940, 0.968881),
    ),
    "normal": ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)),
}


def difference(one: str, other: str, eye: str) -> float:
    """How different two colours look to an eye: the distance in CIELAB; 2.3 can just be seen."""
    first, second = (_lab(_seen(each, eye)) for each in (one, other))
    return sum((a - b) ** 2 for a, b in zip(first, second, strict=True)) ** 0.5


def _seen(colour: str, eye: str) -> Triple:
    parsed = Color.parse(colour)
    light = [_linear(each / 255) for each in (parsed.r, parsed.g, parsed.b)]
    red, green, blue = (
        min(1.0, max(0.0, sum(m * part for m, part in zip(row, light, strict=True))))
        for row in DICHROMATS[eye]
    )
    return red, green, blue


def _lab(light: Triple) -> Triple:
    red, green, blue = light
    x = _root((0.4124564 * red + 0.3575761 * green + 0.1804375 * blue) / 0.95047)
    y = _root(0.2126729 * red + 0.7151522 * green + 0.0721750 * blue)
    z = _root((0.0193339 * red + 0.1191920 * green + 0.9503041 * blue) / 1.08883)
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


def _linear(part: float) -> float:
    return part / 12.92 if part <= 0.04045 else float(((part + 0.055) / 1.055) ** 2.4)


def _root(value: float) -> float:
    return float(value ** (1 / 3)) if value > 216 / 24_389 else (24_389 / 27 * value + 16) / 116
