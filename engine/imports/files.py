"""Opens a file to import: plain or gzip, read as a stream, with what is not text refused."""

from __future__ import annotations

import gzip
import io
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from engine.errors import Refused

_PACKED = {b"BZh": "bzip2", b"\xfd7zXZ": "xz", b"\x28\xb5\x2f\xfd": "zstd", b"PK\x03\x04": "zip"}
_SQL = re.compile(rb"^\s*+(CREATE\s+TABLE|INSERT|REPLACE|DROP\s+TABLE)\b", re.IGNORECASE | re.MULTILINE)
_HEAD = 262_144


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """The unpacked bytes of a file; an unreadable or damaged file is refused wherever that shows."""
    try:
        with path.open("rb") as raw:
            magic = raw.read(6)
            raw.seek(0)
            for start, kind in _PACKED.items():
                if magic.startswith(start):
                    raise Refused(f"{path} is compressed with {kind}. Unpack it, or compress it with gzip.")
            packed = magic.startswith(b"\x1f\x8b")
            stream = io.BufferedReader(cast("io.RawIOBase", gzip.GzipFile(fileobj=raw))) if packed else raw
            if b"\0" in stream.peek(4096)[:4096]:
                raise Refused(f"{path} is not a plain text file; give an SQL dump or a CSV in UTF-8.")
            yield cast("BinaryIO", stream)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise Refused(f"{path} cannot be unpacked: {error}. The file seems cut off or damaged.") from error
    except OSError as error:
        raise Refused(f"{path} cannot be read: {error.strerror or error}.") from error


def looks_like_sql(path: Path) -> bool:
    """Whether a file is an SQL dump rather than CSV."""
    with opened(path) as stream:
        return _SQL.search(stream.read(_HEAD)) is not None
