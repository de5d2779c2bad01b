"""Which of a guest's control sequences reach an operator's terminal: a list of what passes, not of what does not.

A guest belongs to a client and may be hostile. What draws, moves and colours passes, or nothing would work on a
serial console. What would reach out of the screen does not: the clipboard, window titles, links, printing, keys
bound again, the terminal's own scrollback, and every question whose answer the terminal would type. One question
passes, where the cursor is and whether the terminal is well: `resize` in a guest needs it, and the answer holds
nothing but numbers.
"""

from __future__ import annotations

import codecs
import re

LONGEST_SEQUENCE = 128
LONGEST_STRING = 4096

_TEXT = re.compile(r"[^\x00-\x06\x10-\x1f\x7f-\x9f]+")
_CSI = re.compile(r"(?P<mark>[<-?]?)(?P<numbers>[0-9;:]*)(?P<between>[ -/]*)(?P<final>[@-~])")
_FINALS = frozenset("@ABCDEFGHIJKLMPSTXZ`abdefghlmrsu")
# what concerns the screen and the keys; a session that ends switches mouse and paste off
_MODES = frozenset(
    {1, 5, 6, 7, 9, 12, 25, 45, 47, 1000, 1002, 1003, 1005, 1006, 1015, 1047, 1048, 1049, 2004}
)
_OTHER_SCREEN = frozenset({47, 1047, 1049})
_ESCAPES = frozenset("78=>DEHMNO")
_STRINGS = frozenset("]PX^_")
_SOFT_RESET = "\x1b[!p"
_RESET = f"{_SOFT_RESET}\x1b[2J\x1b[H"  # instead of a full reset, which would take the scrollback with it
_LARGEST_NUMBER = 9999


class GuestOutput:
    """Turns what a guest writes into what may be shown, however it is cut into pieces."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._held = ""
        self._in_string = False
        self._swallowed = 0
        self._shown: list[str] = []
        self.other_screen = False  # whether the guest has switched to the terminal's second screen

    def feed(self, data: bytes) -> str:
        """What may be shown of these bytes and of what was held back; a cut sequence waits for its end."""
        text = self._held + self._decoder.decode(data)
        self._held, self._shown = "", []
        place = 0
        while place < len(text):
            step = self._string(text, place) if self._in_string else self._one(text, place)
            if step == 0:
                self._held = text[place:]
                break
            place += step
        return "".join(self._shown)

    def _one(self, text: str, place: int) -> int:
        """Takes what stands at this place; how long that was, or 0 when its end has not come yet."""
        if found := _TEXT.match(text, place):
            self._shown.append(found[0])
            return len(found[0])
        return self._escape(text, place) if text[place] == "\x1b" else 1

    def _escape(self, text: str, place: int) -> int:
        if place + 1 == len(text):
            return 0
        char = text[place + 1]
        if char == "[":
            return self._control(text, place)
        if char in _STRINGS:
            self._in_string, self._swallowed = True, 0
        elif " " <= char <= "/":
            return self._designation(text, place)
        elif char in _ESCAPES:
            self._shown.append(text[place : place + 2])
        elif char == "c":
            self._shown.append(_RESET)
        return 2 if " " <= char <= "~" else 1

    def _designation(self, text: str, place: int) -> int:
        """A choice of character set or of the size of a line: three characters."""
        if place + 2 == len(text):
            return 0
        kind, what = text[place + 1], text[place + 2]
        if (kind in "()*+" and what in "0AB12") or (kind == "#" and what in "34568"):
            self._shown.append(text[place : place + 3])
        return 3 if " " <= what <= "~" else 2

    def _control(self, text: str, place: int) -> int:
        """A control sequence; one that something else breaks into is given up where that begins."""
        end = place + 2
        while end < len(text) and " " <= text[end] <= "?":
            end += 1
            if end - place > LONGEST_SEQUENCE:
                return end - place
        if end == len(text):
            return 0
        if not "@" <= text[end] <= "~":
            return end - place
        self._shown.append(self._allowed(text[place + 2 : end + 1]))
        return end + 1 - place

    def _allowed(self, body: str) -> str:
        """The control sequence as it may be shown, or nothing."""
        match = _CSI.fullmatch(body)
        if match is None or match["between"]:
            return _SOFT_RESET if body == "!p" else ""
        numbers = [int(each or 0) for each in re.split("[;:]", match["numbers"])]
        if max(numbers) > _LARGEST_NUMBER:
            return ""
        if match["mark"]:
            return self._modes(numbers, match["final"]) if match["mark"] == "?" else ""
        return f"\x1b[{body}" if _passes(match["final"], numbers) else ""

    def _modes(self, numbers: list[int], final: str) -> str:
        known = [number for number in numbers if number in _MODES and final in "hl"]
        if _OTHER_SCREEN.intersection(known):
            self.other_screen = final == "h"
        return f"\x1b[?{';'.join(map(str, known))}{final}" if known else ""

    def _string(self, text: str, place: int) -> int:
        """Passes over a string; one that does not end is given up, so that the console keeps working."""
        char = text[place]
        if char == "\x1b":
            if place + 1 == len(text):
                return 0
            self._in_string = False
            return 2 if text[place + 1] == "\\" else self._escape(text, place)
        self._swallowed += 1
        self._in_string = char not in "\a\x18\x1a\x9c" and self._swallowed < LONGEST_STRING
        return 1


def _passes(final: str, numbers: list[int]) -> bool:
    """Whether a plain control sequence may be shown; erasing the scrollback (3J) may not."""
    if final == "n":
        return numbers in ([5], [6])
    return final in _FINALS and not (final == "J" and 3 in numbers)
