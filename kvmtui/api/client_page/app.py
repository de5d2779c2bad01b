"""The application below `/client`: its paths, who gets through, and how its errors look."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from engine.actions import client_requests, client_sessions
from engine.actions.client_requests import VERBS, ClientRefused, RefusalReason
from engine.actions.client_sessions import LinkRefused, Unopened, Visit
from engine.errors import Failed, Refused
from engine.queries.client_page import client_page
from kvmtui.api.client_page import guard, rendering
from kvmtui.api.client_page.guard import PageError
from kvmtui.api.client_page.languages import Words, codes, nearest
from kvmtui.api.client_page.sections import SECTIONS
from kvmtui.api.problems import ApiError
from kvmtui.api.rates import Rates
from kvmtui.api.settings import ApiSettings

PER_SECOND = 20  # requests of one session
_NONCE = re.compile(r"[A-Za-z0-9_-]{16,64}")
_POLL = "x-kvmtui-poll"
_LONGEST = 500
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_SURE = ("reinstall", "snapshot-rollback", "backup-restore", "snapshot-delete", "backup-delete", "stop")
_FIELDS = {
    "reinstall": ("template",),
    "rdns": ("address", "name"),
    "iso-mount": ("iso",),
    "snapshot-create": ("name",),
    "snapshot-delete": ("name",),
    "snapshot-rollback": ("name",),
    "backup-delete": ("backup",),
    "backup-restore": ("backup",),
}
_REASONS = {
    RefusalReason.VIEW: (403, "view_only"),
    RefusalReason.FORBIDDEN: (403, "error_forbidden"),
    RefusalReason.BUSY: (409, "error_busy"),
    RefusalReason.SUSPENDED: (409, "about_suspended"),
    RefusalReason.NOT_READY: (409, "error_not_ready"),
    RefusalReason.LIMIT: (409, "limit_reached"),
    RefusalReason.INPUT: (422, "error_input"),
}
Handler = Callable[[Request, Visit, Words], Awaitable[Response]]


def create(settings: ApiSettings, listen: str, state: Mapping[str, Any]) -> ASGIApp:
    """The pages below `/client`; `state` is what they share with the API: threads and noVNC links."""
    app = Starlette(
        routes=[
            Route("/enter/{secret}", _enter, methods=["GET"]),
            Route("/page.{kind}", _asset, methods=["GET"]),
            Route("/", _visited(_section), methods=["GET"]),
            Route("/do/{verb}", _visited(_do), methods=["POST"]),
            Route("/console", _visited(_console), methods=["POST"]),
            Route("/password", _visited(_password), methods=["POST"]),
            Route("/language", _visited(_language), methods=["POST"]),
            Route("/leave", _visited(_leave), methods=["POST"]),
            Route("/{section}", _visited(_section), methods=["GET"]),
        ],
        exception_handlers={
            PageError: _page_error,
            LinkRefused: _link_refused,
            ClientRefused: _client_refused,
            ApiError: _api_error,
            Refused: _refused,
            Failed: _failed,
            HTTPException: _http_error,
            Exception: _unexpected,
        },
    )
    app.state.settings, app.state.listen, app.state.rates = settings, listen, Rates(PER_SECOND)
    for name, value in state.items():
        setattr(app.state, name, value)
    return _OwnHost(app, settings, listen)


class _OwnHost:
    """Answers only requests for this server's own name, so that no other name can point at it."""

    def __init__(self, app: ASGIApp, settings: ApiSettings, listen: str) -> None:
        self._app, self._settings, self._listen = app, settings, listen

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        host = Request(scope).headers.get("host", "")
        if guard.is_ours(scope, host, self._settings, self._listen):
            await self._app(scope, receive, send)
        else:
            refusal = PlainTextResponse("This address is not served here.", 421, guard.HEADERS)
            await refusal(scope, receive, send)


def _visited(handler: Handler) -> Callable[[Request], Awaitable[Response]]:
    """A handler that needs a session, and for a POST a form of ours."""

    async def handle(request: Request) -> Response:
        secret, polls = guard.cookie_of(request), _POLL in request.headers
        look = partial(client_sessions.visit_of, secret, request.state.address, used=not polls)
        visit = await _run(request, look) if secret else None
        if visit is None:
            raise PageError(403, "session_over")
        request.state.token = visit.actor.login
        request.app.state.rates.take(visit.id)
        request.state.fields = await guard.fields_of(request, visit) if request.method == "POST" else {}
        page = await _run(request, partial(client_page, visit.service_id))
        request.state.page = page
        request.state.words = Words(nearest(visit.language, page.language))
        return await handler(request, visit, request.state.words)

    return handle


async def _enter(request: Request) -> Response:
    """Exchange a link for a session. The next page is a step of this page: a redirect would come without the cookie.

    Browsers leave a strict cookie out of every request of a navigation that began on another site, redirects included.
    """
    if request.method != "GET":  # a link preview must not use the link up
        raise PageError(405, "error_not_found")
    words = _spoken(request)
    if "prefetch" in f"{request.headers.get('sec-purpose', '')} {request.headers.get('purpose', '')}":
        return Response(status_code=204, headers=guard.HEADERS)
    open_link = partial(client_sessions.enter, request.path_params["secret"], request.state.address)
    visit, secret = await _run(request, open_link)
    request.state.token = visit.actor.login
    response = rendering.page("step", words, text="entering", url="/client/", offers_link=True)
    guard.set_cookie(response, request, secret)
    return response


async def _section(request: Request, visit: Visit, words: Words) -> Response:
    name = request.path_params.get("section", "overview")
    section, page = SECTIONS.get(name), request.state.page
    if section is None or (name == "overview" and "section" in request.path_params):
        raise PageError(404, "error_not_found")
    if section.permission and section.permission not in page.may:
        raise PageError(403, "error_forbidden")
    facts = await _run(request, partial(section.facts, visit, page, request.query_params))
    shown = [each for each, known in SECTIONS.items() if not known.permission or known.permission in page.may]
    return rendering.page(
        name, words, visit=visit, page=page, section=name, sections=shown, days=_DAYS, **facts
    )


async def _do(request: Request, visit: Visit, words: Words) -> Response:
    verb, fields = request.path_params["verb"], request.state.fields
    if verb not in VERBS:
        raise PageError(404, "error_not_found")
    nonce = _one(fields, "nonce")
    if not _NONCE.fullmatch(nonce):
        raise PageError(422, "error_input")
    if verb in _SURE and _one(fields, "sure") != "yes":
        raise PageError(422, "error_input")
    values: dict[str, Any] = {name: _one(fields, name) for name in _FIELDS.get(verb, ())}
    if verb == "backup-schedule":
        values["days"] = [each for each in fields.get("day", []) if each]
    await _run(request, partial(client_requests.do, visit, verb, values, f"page-{nonce}"))
    return _to(_one(fields, "back"))


async def _console(request: Request, visit: Visit, words: Words) -> Response:
    screens = request.app.state.screens
    url = await _run(request, partial(client_requests.open_console, visit, screens))
    return rendering.page("step", words, text="console_opens", url=url, offers_link=True)


async def _password(request: Request, visit: Visit, words: Words) -> Response:
    found = await _run(request, partial(client_requests.reveal_password, visit))
    if found is None:
        return _to("overview")
    return rendering.page("password", words, user=found[0], password=found[1])


async def _language(request: Request, visit: Visit, words: Words) -> Response:
    wanted = _one(request.state.fields, "language")
    if wanted not in codes():
        raise PageError(422, "error_input")
    await _run(request, partial(client_sessions.speak, visit, wanted))
    return _to(_one(request.state.fields, "back"))


async def _leave(request: Request, visit: Visit, words: Words) -> Response:
    await _run(request, partial(client_sessions.leave, visit))
    response = rendering.page("message", words, text="left", back=False)
    guard.set_cookie(response, request, "")
    return response


async def _asset(request: Request) -> Response:
    name = f"page.{request.path_params['kind']}"
    if name not in rendering.ASSETS:
        raise PageError(404, "error_not_found")
    kept = {"Cache-Control": "public, max-age=86400"} if request.query_params.get("v") else {}
    return Response(
        rendering.asset(name), headers={**guard.HEADERS, **kept}, media_type=rendering.ASSETS[name]
    )


async def _run(request: Request, work: Callable[[], Any]) -> Any:
    return await request.app.state.threads.run(work)


def _one(fields: Mapping[str, list[str]], name: str) -> str:
    """The only value of a field; empty without one."""
    values = fields.get(name, [""])
    if len(values) != 1 or len(values[0]) > _LONGEST:
        raise PageError(422, "error_input")
    return values[0]


def _to(section: str) -> Response:
    """A section of the page, and nothing else."""
    path = section if section in SECTIONS and section != "overview" else ""
    return RedirectResponse(f"/client/{path}", 303, guard.HEADERS)


def _spoken(request: Request) -> Words:
    """The language of the session, else of the browser."""
    known = getattr(request.state, "words", None)
    return known or Words(nearest(*request.headers.get("accept-language", "")[:200].split(",")))


def _said(request: Request, status: int, text: str, *, back: bool = True) -> Response:
    headers = {"Connection": "close"} if status == 413 else {}
    response = rendering.page(
        "message", _spoken(request), status, text=text, back=back and hasattr(request.state, "page")
    )
    response.headers.update(headers)
    return response


async def _page_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, PageError)
    return _said(request, error.status, error.text)


async def _link_refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, LinkRefused)
    if error.why is Unopened.UNKNOWN:
        return _said(request, 403, "link_unknown")
    return _said(request, 410, "link_used" if error.why is Unopened.USED else "link_expired")


async def _client_refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, ClientRefused)
    status, text = _REASONS[error.why]
    return _said(request, status, text)


async def _api_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)
    response = _said(request, error.status, "error_too_many" if error.status == 429 else "error_later")
    response.headers.update(error.headers)
    return response


async def _refused(request: Request, error: Exception) -> Response:
    return _said(request, 409, "error_input")


async def _failed(request: Request, error: Exception) -> Response:
    return _said(request, 502, "error_later")


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return _said(request, error.status_code, "error_not_found")


async def _unexpected(request: Request, error: Exception) -> Response:
    return _said(request, 500, "error_later")
