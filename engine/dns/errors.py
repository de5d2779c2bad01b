"""What can go wrong with a DNS provider, sorted by what the caller should do about it."""

from __future__ import annotations

from enum import StrEnum

from engine.errors import Failed
from engine.redact import redact


class DnsErrorKind(StrEnum):
    """The sort of a failure: `transient` is worth another try, the others need a person or another plan."""

    TRANSIENT = "transient"
    AUTH = "auth"
    MISSING_ZONE = "missing_zone"
    PERMISSION = "permission"
    PERMANENT = "permanent"
    CONFLICT = "conflict"


class ProviderError(Failed):
    """A provider could not be reached, or refused.

    `said` keeps the provider's own words, `retry_after` its requested delay in seconds. `unsure`: a change was sent
    without an answer, so it may have happened. `down`: the server could not be reached or gave no answer, so its other
    zones need not be tried now; `silent`: the request timed out.
    """

    def __init__(
        self,
        kind: DnsErrorKind,
        sentence: str,
        *,
        said: str = "",
        status: int = 0,
        code: int = 0,
        retry_after: float | None = None,
        unsure: bool = False,
        down: bool = False,
        silent: bool = False,
    ) -> None:
        super().__init__(redact(sentence))
        self.kind = kind
        self.said = redact(said)
        self.status = status
        self.code = code
        self.retry_after = retry_after
        self.unsure = unsure
        self.down = down or silent
        self.silent = silent

    @property
    def stops_everything(self) -> bool:
        """Whether the next change at the same zone would only fail in the same way."""
        return self.kind in (DnsErrorKind.AUTH, DnsErrorKind.MISSING_ZONE, DnsErrorKind.TRANSIENT) or (
            self.kind is DnsErrorKind.PERMISSION and self.status in (401, 403)
        )


def retrying(sentence: str) -> str:
    """A temporary failure as the log says it: what failed, and that nobody has to do anything."""
    return f"{sentence.removesuffix('It will be tried again.').rstrip(' .')}; will retry"
