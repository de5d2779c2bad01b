"""Secrets at rest: AES-GCM, bound to the very cell they are kept in.

A sealed value reads `key id:base64(nonce + ciphertext)`. Table, row, column and key id are its associated
data, so that a value copied into another cell does not open. What is opened is registered for redaction.

The cipher is loaded by the first secret: most processes need none, and it takes 7 MB.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import threading
from base64 import b64decode, b64encode
from pathlib import Path

from engine import redact
from engine.errors import Refused
from engine.store.database import database, session
from engine.store.keyfile import KeyFile, Keys
from engine.store.models import KeyCheck

_NONCE = 12
_CANARY = "kvmtui"
_lock = threading.Lock()
_file: KeyFile | None = None


def use_key_file(path: Path) -> None:
    """Seal and unseal with this key file from now on; it is made on first use.

    With a database open, a missing or different key is refused before anything is written with it.
    """
    global _file
    opened = KeyFile(path)
    if database.obj is not None:
        with session():
            sealed_before = KeyCheck.select().exists()
        if sealed_before and not path.exists():
            raise Refused(
                f"The secret key file {path} is missing, and the database holds secrets sealed with it; "
                "put the file back, or name it in KVMTUI_SECRET_KEY_FILE."
            )
    opened.load_or_make()
    with _lock:
        _file = opened
    if database.obj is not None:
        check_canary()


def forget_key() -> None:
    """Hold no key any more."""
    global _file
    with _lock:
        _file = None


def key_file() -> KeyFile:
    """The key file in use."""
    if _file is None:
        raise Refused("No secret key is loaded; start through `kvmtui`, which reads it from the key file.")
    return _file


def seal(value: str, table: str, uid: str, column: str) -> str:
    """The value as it is kept in that cell; an empty value stays empty."""
    if not value:
        return ""
    redact.register(value)
    keys = key_file().current()
    return seal_with(keys, value, table, uid, column)


def unseal(sealed: str, table: str, uid: str, column: str) -> str:
    """What was sealed in that cell; redaction knows it from now on."""
    if not sealed:
        return ""
    value = open_with(key_file().holding(key_id_of(sealed)), sealed, table, uid, column)
    redact.register(value)
    return value


def seal_with(keys: Keys, value: str, table: str, uid: str, column: str) -> str:
    """Seal with the first of these keys."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    key_id = keys.first
    nonce = os.urandom(_NONCE)
    cipher = AESGCM(keys.values[key_id]).encrypt(nonce, value.encode(), _bound(table, uid, column, key_id))
    return f"{key_id}:{b64encode(nonce + cipher).decode()}"


def open_with(keys: Keys, sealed: str, table: str, uid: str, column: str) -> str:
    """Open with whichever of these keys sealed it, or refuse with a sentence."""
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    key_id, _, body = sealed.partition(":")
    key = keys.values.get(key_id)
    where = f"{table}.{column} of row {uid}"
    if key is None:
        raise Refused(
            f"The secret in {where} was sealed with key '{key_id[:16]}', which the key file does not hold; "
            "put the right key file back, or enter the secret again."
        )
    try:
        raw = b64decode(body, validate=True)
        plain = AESGCM(key).decrypt(raw[:_NONCE], raw[_NONCE:], _bound(table, uid, column, key_id))
    except (InvalidTag, ValueError) as error:
        raise Refused(
            f"The secret in {where} cannot be decrypted: it was altered, or moved from another row. Enter it again."
        ) from error
    return plain.decode()


def key_id_of(sealed: str) -> str:
    """The id of the key that sealed a value."""
    return sealed.partition(":")[0]


def check_canary() -> None:
    """Compare each key with what it left here, or leave that for a key that has not yet."""
    keys = key_file().current()
    with session():
        rows = {row.key_id: row.canary for row in KeyCheck.select()}
        known = rows.keys() & keys.values.keys()
        if (rows and not known) or not all(_left_by(keys, each, rows[each]) for each in known):
            raise Refused(
                f"The secret key file {key_file().path} is not the one this database was sealed with; "
                "put the right file back, or name it in KVMTUI_SECRET_KEY_FILE. Nothing was changed."
            )
        if keys.first not in rows:
            leave_canary(keys)


def leave_canary(keys: Keys) -> None:
    """Keep what only the first key can compute."""
    KeyCheck.insert(key_id=keys.first, canary=_canary(keys, keys.first)).on_conflict_ignore().execute()


def _canary(keys: Keys, key_id: str) -> str:
    return hmac.new(keys.values[key_id], f"{_CANARY}:{key_id}".encode(), hashlib.sha256).hexdigest()


def _left_by(keys: Keys, key_id: str, canary: str) -> bool:
    """Whether that key left this canary: a text sealed with it in databases made before, an HMAC since."""
    if ":" in canary:
        return open_with(keys, canary, "keycheck", key_id, "canary") == _CANARY
    return hmac.compare_digest(canary, _canary(keys, key_id))


def _bound(table: str, uid: str, column: str, key_id: str) -> bytes:
    return f"{table}:{uid}:{column}:{key_id}".encode()
