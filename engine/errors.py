"""The ways a request can end without being carried out. Every message is a sentence an operator can act on."""

from __future__ import annotations


class KvmtuiError(Exception):
    """What failed, why, and what to do, as one sentence."""

    exit_code = 1

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


class Refused(KvmtuiError):
    """It was not tried and nothing changed: bad input, an unknown name, a guard that said no."""

    exit_code = 2


class InvalidValue(Refused):
    """A value that cannot be taken, whatever the state of things; `field` is its name in the API."""

    def __init__(self, field: str, sentence: str) -> None:
        super().__init__(sentence)
        self.field = field


class NotFound(Refused):
    """There is nothing of this name or number, or nothing that the actor may see: both read the same."""


class Forbidden(Refused):
    """The actor's role does not allow it."""


class NotAuthenticated(Refused):
    """No token, or one that is wrong, unknown, expired or revoked: all read the same."""


class TooManyTries(Refused):
    """Too many wrong tokens came from one address; every further try is refused for `retry_after` seconds."""

    def __init__(self, sentence: str, retry_after: int) -> None:
        super().__init__(sentence)
        self.retry_after = retry_after


class AlreadySo(Refused):
    """Nothing was left to do: what was requested is already so. Repeating a request is not an error for scripts."""

    exit_code = 0


class Failed(KvmtuiError):
    """It was tried and it failed: a server said no, a task reported errors."""

    exit_code = 1
