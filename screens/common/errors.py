"""Errors as an operator reads them."""

from __future__ import annotations

from engine.errors import KvmtuiError


def sentence(error: Exception) -> str:
    """An error as an operator reads it: the engine's own sentence, or one about what broke here."""
    if isinstance(error, KvmtuiError):
        return error.sentence
    return (
        f"This list could not be read ({type(error).__name__}: {error}). Try again; if it stays, see the log."
    )
