"""The far end of a serial terminal: a login prompt and a shell that echoes, just enough to type at."""

from __future__ import annotations


class Terminal:
    """Reads the frames of a terminal client and says what the guest would write."""

    def __init__(self, hostname: str) -> None:
        self._hostname = hostname.split(".")[0]
        self._line = ""
        self._user = ""
        self._inside = False
        self.size = (80, 24)

    def greeting(self) -> bytes:
        """The first text on the screen."""
        return f"starting serial terminal on interface serial0\r\n\r\n{self._prompt()}".encode()

    def received(self, frame: bytes) -> bytes:
        """The answer to one frame: `0:length:data` types, `1:columns:rows:` resizes, `2` says we are there."""
        kind, _, rest = frame.partition(b":")
        if kind == b"1":
            columns, rows = [*rest.split(b":"), b"80", b"24"][:2]
            if columns.isdigit() and rows.isdigit():
                self.size = (int(columns), int(rows))
        if kind != b"0":
            return b""
        length, _, data = rest.partition(b":")
        if not length.isdigit():
            return b""
        return "".join(self._typed(char) for char in data[: int(length)].decode(errors="replace")).encode()

    def _typed(self, char: str) -> str:
        hidden = bool(self._user) and not self._inside
        if char in "\r\n":
            line, self._line = self._line, ""
            return "\r\n" + self._entered(line)
        if char in "\x7f\b":
            erased, self._line = self._line, self._line[:-1]
            return "\b \b" if erased and not hidden else ""
        self._line += char
        return "" if hidden else char

    def _entered(self, line: str) -> str:
        if self._inside:
            if line.strip() == "exit":
                self._user, self._inside = "", False
                return "logout\r\n\r\n" + self._prompt()
            said = f"{line.removeprefix('echo ')}\r\n" if line.startswith("echo ") else ""
            return said + self._prompt()
        if self._user:
            self._inside = True
            return f"Welcome to {self._hostname}\r\n{self._prompt()}"
        self._user = line.strip()
        return self._prompt()

    def _prompt(self) -> str:
        if self._inside:
            return f"{self._user}@{self._hostname}:~$ "
        return "Password: " if self._user else f"{self._hostname} login: "
