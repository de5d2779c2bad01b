"""How HestiaCP is called, and what its answers mean."""

from __future__ import annotations

from typing import Any

from engine.dns.errors import DnsErrorKind, ProviderError
from engine.dns.http import HttpConnection, Reply

NOT_RESTARTED = 20
NO_CHANGE = 4
_MEANINGS = {
    1: "wrong arguments",
    2: "an argument is invalid, or the last record of its type may not be removed",
    3: "the zone or the record does not exist",
    4: "it exists already",
    5: "the zone or its user is suspended",
    6: "the user is suspended",
    8: "the limit of the user's package is reached",
    9: "the credentials are wrong",
    10: "this host or this key may not do that",
    11: "the API or DNS is switched off",
    15: "the server cannot connect to its DNS cluster",
    20: "the record is stored, but the name server did not restart",
}
_KINDS = {
    3: DnsErrorKind.PERMANENT,
    4: DnsErrorKind.CONFLICT,
    5: DnsErrorKind.PERMISSION,
    6: DnsErrorKind.PERMISSION,
    9: DnsErrorKind.AUTH,
    10: DnsErrorKind.PERMISSION,
    11: DnsErrorKind.PERMISSION,
    15: DnsErrorKind.TRANSIENT,
    20: DnsErrorKind.TRANSIENT,
}


class HestiaApi:
    """Runs commands on one HestiaCP server."""

    def __init__(self, zone: str, http: HttpConnection, login: dict[str, str]) -> None:
        self._zone = zone
        self._http = http
        self.host = http.host
        self._login = login

    def close(self) -> None:
        """Closes the connection."""
        self._http.close()

    def table(self, command: str, *arguments: str, attempts: int = 4) -> dict[str, dict[str, str]]:
        """What a list command shows. Anything but a JSON object is its error, whatever the HTTP status."""
        form = self._form(command, arguments, "no")
        reply = self._http.ask("POST", "/api/", data=form, attempts=attempts)
        answer = reply.json()
        if reply.status == 200 and isinstance(answer, dict):
            return {str(key): row for key, row in answer.items() if isinstance(row, dict)}
        if reply.status == 200 and answer == []:
            return {}  # an empty list in PHP's spelling
        raise self._refusal(reply, reply.text)

    def change(self, command: str, *arguments: str) -> None:
        """Runs a changing command once; returns when its code is 0, or when there was nothing to change."""
        reply = self._http.once("POST", "/api/", data=self._form(command, arguments, "yes"))
        code = _code(reply)
        if reply.status == 200 and code == 0:
            return
        if reply.status == 200 and code == NO_CHANGE and command == "v-change-dns-record":
            return
        if reply.status == 200 and code == NOT_RESTARTED:
            return
        raise self._refusal(reply, "")

    def reload(self) -> None:
        """Loads what was written, when the command that should have done it did not get that far."""
        try:
            self.change("v-restart-dns")
        except ProviderError:
            return  # the records are stored, and the next change loads them

    def owner(self, zone: str) -> str:
        """The user who owns a zone, or an empty text when nobody does."""
        form = self._form("v-search-domain-owner", (zone, "dns"), "no")
        reply = self._http.ask("POST", "/api/", data=form, attempts=2)
        name = reply.text.strip()
        # In password mode a command that says nothing reads as OK.
        return name if reply.status == 200 and name.isalnum() and name != "OK" else ""

    def probe(self, command: str, user: str) -> None:
        """Raises when the credentials may not run a command; called without its arguments, it only
        complains.
        """
        reply = self._http.ask("POST", "/api/", data=self._form(command, (user,), "yes"), attempts=2)
        if reply.status in (401, 403) or _code(reply) in (9, 10, 11):
            raise self._refusal(reply, "", f"{command}: ")

    def _form(self, command: str, arguments: tuple[str, ...], returncode: str) -> dict[str, str]:
        numbered = {f"arg{at}": value for at, value in enumerate(arguments, start=1)}
        return {**self._login, "returncode": returncode, "cmd": command, **numbered}

    def _refusal(self, reply: Reply, text: str, about: str = "") -> ProviderError:
        code = _code(reply)
        said = _words(text or reply.text, code)
        kind, advice = self._sort(reply, code, said)
        number = f"code {code} " if code else f"HTTP {reply.status} "
        facts: dict[str, Any] = {"said": said, "status": reply.status, "code": code or 0}
        sentence = f"HestiaCP at {self.host}: {about}{number}{said.rstrip('.')}."
        return ProviderError(kind, f"{sentence} {advice}".strip(), retry_after=reply.retry_after, **facts)

    def _sort(self, reply: Reply, code: int | None, said: str) -> tuple[DnsErrorKind, str]:
        if reply.status == 429 or reply.status >= 500:
            return DnsErrorKind.TRANSIENT, "It will be tried again."
        if "doesn't exist" in said and ("dns domain" in said or "user " in said):
            return DnsErrorKind.MISSING_ZONE, f"Check the zone name {self._zone} and the user who owns it."
        if code == 9 or "authentication failed" in said or "Invalid secret key" in said:
            return DnsErrorKind.AUTH, "Check the user and password, or the access key."
        if "has been disabled" in said or said.startswith("Disabled"):
            return DnsErrorKind.PERMISSION, "Switch the API on in HestiaCP under Server Settings / Security."
        if code == 10 or "not allowed" in said:
            return (
                DnsErrorKind.PERMISSION,
                "Allow the address of this host, and the command for the key, in HestiaCP.",
            )
        if reply.status == 404:
            return DnsErrorKind.PERMANENT, "Is this the address of a HestiaCP panel, with its port 8083?"
        if code is None and "<html" in reply.text.lower():
            return DnsErrorKind.PERMANENT, "Is this the address of a HestiaCP panel, with its port 8083?"
        return _KINDS.get(code or 0, DnsErrorKind.PERMANENT), ""


def _code(reply: Reply) -> int | None:
    """The exit code of the command: from the body of a call that requested it, else from the header."""
    text = reply.text.strip()
    if text.isdigit():
        return int(text)
    header = reply.headers.get("hestia-exit-code", "")
    return int(header) if header.isdigit() else None


def _words(text: str, code: int | None) -> str:
    """The command's own words, or the meaning of a bare code."""
    words = " ".join(text.split())[:300].removeprefix("Error: ")
    if words and not words.isdigit():
        return words
    return _MEANINGS.get(code or 0, "the command failed without saying why")
