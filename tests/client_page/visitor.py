"""A client without JavaScript: keeps the cookie, reads the forms of a page, and sends them."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

import httpx

COOKIE = "kvmtui-client"


@dataclass
class PageForm:
    """A form as a browser would send it."""

    action: str
    fields: list[tuple[str, str]] = field(default_factory=list)
    disabled: bool = False

    def value(self, name: str) -> str:
        """The value of a field."""
        return next(value for key, value in self.fields if key == name)

    def filled(self, **values: Any) -> list[tuple[str, str]]:
        """Its fields with these in place of what they hold; a list is several fields, None is none."""
        kept = [(name, value) for name, value in self.fields if name not in values]
        for name, value in values.items():
            kept += [
                (name, each) for each in (value if isinstance(value, list) else [value]) if each is not None
            ]
        return kept


class _Forms(HTMLParser):
    """Collects the forms and the text of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[PageForm] = []
        self.text: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self._select: str | None = None
        self._chosen: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.attributes += [(tag, name, value) for name, value in given.items()]
        if tag == "form":
            self.forms.append(PageForm(given["action"]))
        elif tag == "fieldset" and "disabled" in given and self.forms:
            self.forms[-1].disabled = True
        elif tag == "input" and given.get("type") != "checkbox" and self.forms:
            self.forms[-1].fields.append((given["name"], given.get("value", "")))
        elif tag == "input" and "checked" in given:
            self.forms[-1].fields.append((given["name"], given["value"]))
        elif tag == "select":
            self._select, self._chosen = given["name"], None
        elif tag == "option" and self._select and (self._chosen is None or "selected" in given):
            self._chosen = given["value"]

    def handle_endtag(self, tag: str) -> None:
        if tag == "select" and self._select and self._chosen is not None:
            self.forms[-1].fields.append((self._select, self._chosen))
            self._select = None

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def parsed(html: str) -> _Forms:
    """A page's forms and text."""
    found = _Forms()
    found.feed(html)
    return found


class Visitor:
    """A browser with one session."""

    def __init__(self, base: str) -> None:
        self.base = base
        self.http = httpx.Client(base_url=base, timeout=60, trust_env=False, verify=False)
        self.cookie = ""

    def enter(self, url: str) -> httpx.Response:
        """Open a link."""
        answer = self.http.get(url)
        given = answer.headers.get("set-cookie", "")
        if given:
            self.cookie = given.partition("=")[2].partition(";")[0]
        self.http.cookies.clear()
        return answer

    def get(self, path: str = "", **headers: str) -> httpx.Response:
        """A section of the page."""
        return self.http.get(f"/client/{path}", headers=self._headers(headers))

    def _patiently(self, send: Callable[[], httpx.Response]) -> httpx.Response:
        """Send it, and again while the session has sent too much."""
        while (answer := send()).status_code == 429:
            time.sleep(0.2)
        return answer

    def page(self, path: str = "") -> _Forms:
        """A section that must be there."""
        answer = self._patiently(lambda: self.get(path))
        assert answer.status_code == 200, f"{path}: {answer.status_code} {' '.join(parsed(answer.text).text)}"
        return parsed(answer.text)

    def form(self, section: str, action: str, **has: str) -> PageForm:
        """The form of a section with this action, and with these values in its fields."""
        for form in self.page(section).forms:
            if form.action == f"/client/{action}" and has.items() <= dict(form.fields).items():
                return form
        raise AssertionError(f"{section} has no form {action} {has}")

    def post(self, path: str, fields: list[tuple[str, str]], **headers: str) -> httpx.Response:
        """Send a form."""
        body = httpx.QueryParams(fields)
        kind = {"content-type": "application/x-www-form-urlencoded"}
        sent = {"content": str(body).encode(), "headers": self._headers(kind | headers)}
        return self._patiently(lambda: self.http.post(f"/client/{path}", **sent))

    def send(
        self, section: str, action: str, has: dict[str, str] | None = None, **values: Any
    ) -> httpx.Response:
        """Fill in a form of a section and send it."""
        form = self.form(section, action, **(has or {}))
        assert not form.disabled, f"{action} is disabled"
        return self.post(action, form.filled(**values))

    def text(self, path: str = "") -> str:
        """What a section says."""
        return " ".join(" ".join(self.page(path).text).split())

    def _headers(self, more: dict[str, str]) -> dict[str, str]:
        cookie = {"cookie": f"{COOKIE}={self.cookie}"} if self.cookie else {}
        return {**cookie, **{name.replace("_", "-"): value for name, value in more.items()}}

    def until_over(self, seconds: float = 60) -> str:
        """Wait for what is being done; how the page says it ended: done, failed or stuck."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            found = self.page()
            state = next(value for _, name, value in found.attributes if name == "data-state")
            if state != "open":
                return state
            time.sleep(0.15)
        raise AssertionError(f"still in progress: {self.text()}")
