"""The SHA-512 password hash of /etc/shadow (`$6$salt$hash`), which Python's library no longer has.

Proxmox passes a hash on to the guest as it is, so the clear password never leaves this host.
"""

from __future__ import annotations

import hashlib
import secrets

_ALPHABET = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_ROUNDS = 5000


def _rotated(three: tuple[int, int, int], by: int) -> tuple[int, int, int]:
    return (*three[by:], *three[:by])  # type: ignore[return-value]


# the order in which the bytes are written, three at a time
_ORDER = tuple(_rotated((n, n + 21, n + 42), n % 3) for n in range(21))


def sha512_crypt(password: str, salt: str | None = None) -> str:
    """The hash of a password, with a fresh salt unless one is given."""
    chosen = salt if salt is not None else "".join(secrets.choice(_ALPHABET) for _ in range(16))
    return f"$6${chosen}${_encode(_digest(password.encode(), chosen.encode()))}"


def _digest(word: bytes, salt: bytes) -> bytes:
    second = hashlib.sha512(word + salt + word).digest()
    first = hashlib.sha512(word + salt + _stretched(second, len(word)))
    for bit in _bits(len(word)):
        first.update(second if bit else word)
    result = first.digest()
    p = _stretched(hashlib.sha512(word * len(word)).digest(), len(word))
    s = _stretched(hashlib.sha512(salt * (16 + result[0])).digest(), len(salt))
    # which of the salt and the word stands between the two of a turn repeats every 3 and 7 turns
    between = [(s if turn % 3 else b"") + (p if turn % 7 else b"") for turn in range(42)]
    before = [p + between[turn] if turn % 2 else b"" for turn in range(42)]
    after = [b"" if turn % 2 else between[turn] + p for turn in range(42)]
    sha512 = hashlib.sha512
    for turn in range(_ROUNDS):
        place = turn % 42
        result = sha512(before[place] + result + after[place]).digest()
    return result


def _stretched(block: bytes, length: int) -> bytes:
    return (block * (length // 64 + 1))[:length]


def _bits(number: int) -> list[int]:
    """The bits of a number, lowest first."""
    return [number >> place & 1 for place in range(number.bit_length())]


def _encode(digest: bytes) -> str:
    groups = [_letters(digest[a] << 16 | digest[b] << 8 | digest[c], 4) for a, b, c in _ORDER]
    return "".join(groups) + _letters(digest[63], 2)


def _letters(value: int, count: int) -> str:
    return "".join(_ALPHABET[value >> 6 * place & 63] for place in range(count))
