"""What a serial session showed, in a file only its owner can read."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from engine.errors import Refused


class SessionLog:
    """A new file of mode 0600 that takes what was shown, colours and all; `cat` shows it again."""

    def __init__(self, path: Path) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            self._file = os.open(path, flags, 0o600)
        except FileExistsError:
            raise Refused(f"{path} is there already; name a new file for the log.") from None
        except OSError as error:
            raise Refused(f"{path} cannot be written: {error.strerror}.") from None
        self._path = path
        self.error = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OSError):
            os.close(self._file)

    def write(self, shown: str) -> None:
        """Logs what was shown. A full disk ends the log, not the session; it is reported when the session ends."""
        if self.error:
            return
        data = shown.encode()
        try:
            while data:
                data = data[os.write(self._file, data) :]
        except OSError as error:
            self.error = f"The log {self._path} is not whole: {error.strerror}."
