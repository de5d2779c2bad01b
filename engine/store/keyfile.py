"""The key file: 0600, one key per line, the first one seals, all of them open.

A line is `key id, blank, base64 of 32 bytes`. While a rotation is under way two lines are there.
"""

from __future__ import annotations

import os
import secrets
import threading
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from engine import redact
from engine.errors import Refused
from engine.store import files

_BYTES = 32
_TITLE = "# kvmtui secret key. Keep a copy apart from the database; without it stored secrets are lost."


@dataclass(frozen=True, slots=True, repr=False)
class Keys:
    """The keys of a file, in its order."""

    values: Mapping[str, bytes]

    @property
    def first(self) -> str:
        """The id of the key that seals."""
        return next(iter(self.values))

    def __repr__(self) -> str:
        return f"Keys({', '.join(self.values)})"


class KeyFile:
    """One key file; what another process changed in it is seen by the next use."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._seen: tuple[int, int, int] | None = None
        self._keys = Keys({})

    def load_or_make(self) -> None:
        """Read the file, or make it with a fresh key when there is none."""
        try:
            files.refuse_writable_by_others(files.private_dir(self.path.parent))
            if not self.path.exists():
                files.write_private(self.path, _text(add_key(Keys({}))))
        except FileExistsError:
            pass  # another process made it this instant
        except OSError as error:
            raise self._unreadable(error) from error
        self.current()

    def current(self) -> Keys:
        """The keys as the file holds them now."""
        with self._lock:
            try:
                status = self.path.stat()
                seen = (status.st_mtime_ns, status.st_ino, status.st_size)
                if seen != self._seen:
                    self._keys = self._read()
                    self._seen = seen
            except OSError as error:
                raise self._unreadable(error) from error
            return self._keys

    def holding(self, key_id: str) -> Keys:
        """The keys, read again when that one is not among those known."""
        keys = self.current()
        if key_id not in keys.values:
            self._seen = None
            keys = self.current()
        return keys

    def replace(self, keys: Keys) -> None:
        """Put these keys in the file's place at once: after a crash it holds the old or the new, whole."""
        with self._lock:
            fresh = self.path.with_name(f".{self.path.name}.{os.getpid()}")
            fresh.unlink(missing_ok=True)
            files.write_private(fresh, _text(keys))
            fresh.replace(self.path)
            files.sync_dir(self.path.parent)
            self._seen = None

    def _read(self) -> Keys:
        files.refuse_wider(self.path, "secret key file")
        values: dict[str, bytes] = {}
        for line in self.path.read_text(encoding="ascii", errors="replace").splitlines():
            if not line.strip() or line.startswith("#"):
                continue
            key_id, _, encoded = line.strip().partition(" ")
            values[key_id] = self._decoded(encoded)
            redact.register(encoded)
        if not values:
            raise Refused(f"The secret key file {self.path} contains no key; restore the correct file.")
        return Keys(values)

    def _decoded(self, encoded: str) -> bytes:
        try:
            key = b64decode(encoded, validate=True)
        except ValueError:
            key = b""
        if len(key) != _BYTES:
            raise Refused(f"The secret key file {self.path} is damaged; restore a good copy.")
        return key

    def _unreadable(self, error: OSError) -> Refused:
        return Refused(
            f"The secret key file {self.path} cannot be used: {error.strerror}. {files.remedy(error)}"
        )


def add_key(keys: Keys) -> Keys:
    """The same keys with a fresh one in front."""
    return Keys({secrets.token_hex(4): secrets.token_bytes(_BYTES), **keys.values})


def _text(keys: Keys) -> bytes:
    lines = [_TITLE, *(f"{key_id} {b64encode(key).decode()}" for key_id, key in keys.values.items())]
    return ("\n".join(lines) + "\n").encode()
