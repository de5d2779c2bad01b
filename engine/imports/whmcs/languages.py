"""The languages of WHMCS, which names them in English, as codes."""

from __future__ import annotations

CODES = {
    "arabic": "ar", "azerbaijani": "az", "catalan": "ca", "chinese": "zh", "chinese-cn": "zh", "chinese-tw": "zh-TW",
    "croatian": "hr", "czech": "cs", "danish": "da", "dutch": "nl", "english": "en", "estonian": "et", "farsi": "fa",
    "french": "fr", "german": "de", "hebrew": "he", "hungarian": "hu", "italian": "it", "macedonian": "mk",
    "norwegian": "nb", "polish": "pl", "portuguese-br": "pt-BR", "portuguese-pt": "pt", "portuguese": "pt",
    "romanian": "ro", "russian": "ru", "spanish": "es", "swedish": "sv", "turkish": "tr", "ukrainian": "uk",
}  # fmt: skip


def code_of(language: str) -> str:
    """The code of a client's language; a client without one, or with an unknown one, gets English."""
    return CODES.get(language.strip().lower(), "en")
