"""The API server: logs in, injects faults, checks, dispatches and answers as pveproxy does."""

from __future__ import annotations

import asyncio
import json
import logging
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote
from weakref import WeakKeyDictionary

from aiohttp import web
from fakepve import schema
from fakepve.model import PveError, TaskError

from kvmtui.lab import directories, inject, requests
from kvmtui.lab.effects import RequestLog
from kvmtui.lab.world import LabCluster, ListPage

REQUESTS_PER_CONNECTION = 100
# A bad login is answered this late (virtual seconds), so that guessing is slow.
REFUSAL_SECONDS = 3
NOT_IN_SCHEMA = "property is not defined in schema and the schema does not allow additional properties"
IN_URI = "duplicate parameter (already defined in URI) with conflicting values!"
OPEN_TO_ALL = {("POST", "/access/ticket"), ("GET", "/access/ticket"), ("GET", "/access/domains")}
PLACEHOLDER = re.compile(r"\{(\w+)\}")
_JSON = json.JSONEncoder(separators=(",", ":"), default=str).encode
_log = logging.getLogger(__name__)
Control = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
Upgrade = Callable[[LabCluster, web.BaseRequest, dict[str, Any], str], Awaitable[web.StreamResponse]]


@dataclass(slots=True)
class _Call:
    """A request once its path is known: which call of the API, with what, by whom."""

    method: str
    path: str
    template: str
    names: dict[str, str]
    methods: dict[str, Any]
    user: str = ""
    by_token: bool = False
    values: dict[str, Any] = field(default_factory=dict)

    @property
    def node(self) -> str:
        return self.names.get("node", "")

    @property
    def uri(self) -> str:
        """The path as messages name it."""
        return unquote(self.path)

    def vmids(self) -> list[int]:
        """The guests the call is about."""
        texts = (self.names.get("vmid"), self.values.get("newid"), self.values.get("vmid"))
        return [int(text) for text in texts if text is not None and re.fullmatch(r"\d+", str(text))]


class LabApiServer:
    """Answers every request of one lab."""

    def __init__(self, world: LabCluster, control: Control, upgrades: Mapping[str, Upgrade]) -> None:
        self._world = world
        self._control = control
        self._upgrades = upgrades
        self._schema = schema.load()
        self._used: WeakKeyDictionary[asyncio.BaseTransport, int] = WeakKeyDictionary()
        self.requests = RequestLog()

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        """The answer to one request."""
        path = request.path
        if path == "/lab" or path.startswith("/lab/"):
            return await self._control(request)
        if not path.startswith("/api2"):
            return web.Response(status=404, reason=f"no such file '{path[:60]}'")
        try:
            requests.check_method(request.method)
            requests.check_transfer(request)
            kind, rest = requests.split_path(request.rel_url.raw_path)
        except requests.RequestRefused as refusal:
            return self._kept(request, _refused(refusal), protected=False)
        call = _Call(request.method, rest, *self._match(rest))
        answer = await self._answer(request, call, kind)
        self.requests.add(call.method, path, answer.status if answer else 0, call.node)
        if answer is None:
            raise ConnectionResetError("the lab cut this connection")
        if kind == "extjs" and isinstance(answer, web.Response):
            answer = _enveloped(answer)
        protected = bool(call.methods.get(call.method, {}).get("protected"))
        return self._kept(request, answer, protected=protected)

    # ---- one request, step by step

    async def _answer(self, request: web.BaseRequest, call: _Call, kind: str) -> web.StreamResponse | None:
        """The response, or None when a fault cut the connection."""
        try:
            call.user = self._login(request, call)
            requests.check_body(request)
            if kind not in requests.FORMATS:
                raise requests.RequestRefused(501, f"no formatter for uri {call.uri}, {kind}")
            if call.template in self._upgrades:
                self._permit(call, self._info(call))
                return await self._upgrades[call.template](self._world, request, call.names, call.user)
            call.values = await requests.parameters(request)
        except requests.RequestRefused as refusal:
            return _refused(refusal)
        except PveError as problem:
            return await self._refusal(problem)
        struck = self._world.faults.for_request(call.method, call.path, call.vmids(), call.node)
        if not struck:
            return await self._handled(call)
        early = await inject.before(self._world, request, struck)
        if early is not None:
            return None if early is inject.CUT else self._error(early)
        late = await inject.after(request, await self._handled(call), struck)
        if isinstance(late, PveError):
            return self._error(late)
        return None if late is inject.CUT else late

    async def _refusal(self, problem: PveError) -> web.Response:
        """A refused login is slow and empty, everything else at once and in JSON."""
        if problem.status != 401:
            return self._error(problem)
        await self._world.clock.sleep(REFUSAL_SECONDS)
        return web.Response(status=401, reason=problem.message)

    async def _handled(self, call: _Call) -> web.Response:
        try:
            data = await self._dispatch(call)
        except PveError as problem:
            if problem.status == 401:
                await self._world.clock.sleep(REFUSAL_SECONDS)
            return self._error(problem)
        except TaskError as problem:
            return self._error(PveError(500, str(problem)))
        except Exception:  # noqa: BLE001 - a defect of the lab must reach the client as a 500, not as a cut connection
            _log.exception("The lab failed to answer %s %s", call.method, call.path)
            return self._error(PveError(500, "internal error"))
        if isinstance(data, bytes):
            body = data
        elif isinstance(data, ListPage):
            body = _JSON(
                {"data": data.items, "total": data.total} if data.total else {"data": data.items}
            ).encode()
        else:
            body = _JSON({"data": data}).encode()
        return web.Response(body=body, content_type="application/json", charset="utf-8")

    async def _dispatch(self, call: _Call) -> Any:
        """The order of pveproxy: the path, the rights, the node, the parameters, then the work."""
        world = self._world
        info = self._info(call)
        self._check_given_twice(call)
        if call.by_token and not info.get("allowtoken"):
            text = f"URI '{call.uri}' not available with API token, need proper ticket."
            raise PveError(403, f"Permission check failed ({text}\n)")
        self._permit(call, info)
        self._check_node(call.names.get("node"))
        values = self._validated(call, world.dialect.parameters(call.method, call.template, info))
        handler = world.own_routes.get((call.method, call.template))
        if handler is not None:
            return await handler(world, values, call.user)
        if call.method != "GET":
            raise self._not_implemented(call)
        listing = directories.listing(self._schema, call.template, info, world)
        if listing is not None:
            return listing
        match = schema.Match(call.template, call.names, call.methods)
        return await world.synthesise(match, call.method, info, call.user, values)

    def _not_implemented(self, call: _Call) -> PveError:
        return PveError(501, f"Method '{call.method} {call.uri}' not implemented")

    def _info(self, call: _Call) -> dict[str, Any]:
        """What the schema says about the call; 501 for an unknown path or method."""
        found: dict[str, Any] | None = call.methods.get(call.method)
        if found is None or not self._world.dialect.serves(call.method, call.template):
            raise self._not_implemented(call)
        return found

    def _check_given_twice(self, call: _Call) -> None:
        twice = [n for n, v in call.names.items() if n in call.values and str(call.values[n]) != v]
        if twice:
            raise PveError(400, "Parameter verification failed.", dict.fromkeys(twice[:1], IN_URI))

    def _check_node(self, node: str | None) -> None:
        if node is None or node == "localhost":
            return
        state = self._world.nodes.get(node)
        if state is None:
            if re.fullmatch(r"[a-zA-Z0-9](?:[a-zA-Z0-9\-]*[a-zA-Z0-9])?", node) is None:
                return  # the check of parameters refuses the name
            why = f"failed to get address info for: {node}: Temporary failure in name resolution"
            raise PveError(500, f"hostname lookup '{node}' failed - {why}")
        if not state["online"]:
            raise PveError(595, "No route to host")

    def _permit(self, call: _Call, info: dict[str, Any]) -> None:
        """Rights come before parameters: a 403 says nothing about what exists."""
        rule = self._world.dialect.rule(info.get("permissions"))
        declared = (info.get("parameters") or {}).get("properties", {})
        given = {**call.values, **call.names}
        try:
            self._world.check_permissions(call.user, rule, given, declared)
        except PveError as refusal:
            # A rule about a parameter that must be given and was not: the check of parameters says so.
            names = set(PLACEHOLDER.findall(str(rule))) - set(given)
            required = any(not declared.get(name, {}).get("optional") for name in names)
            if refusal.message != "Permission check failed" or not required:
                raise

    def _validated(self, call: _Call, rules: dict[str, Any]) -> dict[str, Any]:
        declared = rules.get("properties", {})
        values = {**call.values, **{k: v for k, v in call.names.items() if k in declared}}
        checked, errors = schema.validate(rules, values)
        for name in self._world.dialect.unknown(values):
            errors[name] = NOT_IN_SCHEMA
        if errors:
            details = {name: self._world.dialect.requirement(text) for name, text in errors.items()}
            raise PveError(400, "Parameter verification failed.", details)
        return {**checked, **{k: v for k, v in call.names.items() if k not in declared}}

    # ---- pieces

    def _match(self, raw: str) -> tuple[str, dict[str, str], dict[str, Any]]:
        """Template, path parameters and methods of a path; three empty values for an unknown one."""
        parts = [unquote(part) for part in raw.split("/") if part]
        if not parts:
            return "/", {}, directories.ROOT
        joined = requests.rejoined(parts)
        found = self._schema.match("/".join(parts)) if joined is None else None
        if found is not None:
            return found.template, found.params, found.methods
        if joined is not None:
            head, name, rest = joined
            template = self._schema.match("/".join([*head, "x"]))
            if template is not None:
                return template.template, {**template.params, name: rest}, template.methods
        return "", {}, {}

    def _login(self, request: web.BaseRequest, call: _Call) -> str:
        access = self._world.access
        ticket = request.cookies.get("PVEAuthCookie")
        header = request.headers.get("Authorization", "")
        if (request.method, call.template) in OPEN_TO_ALL:
            return ""
        if not ticket and header.startswith("PVEAPIToken="):
            call.by_token = True
            return access.by_token(header)
        return access.by_ticket(
            unquote(ticket) if ticket else None,
            request.headers.get("CSRFPreventionToken"),
            changing=request.method != "GET",
        )

    def _error(self, problem: PveError) -> web.Response:
        body: dict[str, Any] = {"data": None}
        if self._world.dialect.tells_message:
            # What the path or method is refused with is no Perl error and ends without a newline.
            body["message"] = problem.message if problem.status == 501 else f"{problem.message}\n"
        if problem.errors:
            body["errors"] = problem.errors
        reason = (problem.message.splitlines() or [""])[0]
        response = web.Response(
            body=_JSON(body).encode(), status=problem.status, reason=reason, content_type="application/json"
        )
        response.force_close()
        return response

    def _kept(
        self, request: web.BaseRequest, answer: web.StreamResponse, *, protected: bool
    ) -> web.StreamResponse:
        """Close the connection where pveproxy does; answers of pvedaemon say both `close` and `Keep-Alive`."""
        transport = request.transport
        if transport is None or answer.prepared:
            return answer
        answer.headers["Server"] = "pve-api-daemon/3.0"
        used = self._used.get(transport, 0) + 1
        self._used[transport] = used
        if answer.status >= 400 or used >= REQUESTS_PER_CONNECTION:
            answer.headers["Connection"] = "close"
            answer.force_close()
        elif protected and self._world.closes_connections:
            answer.headers["Connection"] = "close, Keep-Alive"
            answer.force_close()
        else:
            answer.headers["Connection"] = "Keep-Alive"
        return answer


def _refused(refusal: requests.RequestRefused) -> web.Response:
    """A refusal of pveproxy itself: the text as the reason and, plain, as the body."""
    body = None if refusal.empty else refusal.text.encode()
    answer = web.Response(status=refusal.status, reason=refusal.text.splitlines()[0], body=body)
    answer.force_close()
    return answer


def _enveloped(answer: web.Response) -> web.Response:
    """The same answer for the web interface: always 200, with success and status inside."""
    if answer.content_type != "application/json" or not isinstance(answer.body, bytes):
        return answer
    body = json.loads(answer.body)
    body["success"] = int(answer.status < 400)
    if answer.status >= 400:
        body["status"] = answer.status
        body.setdefault("message", answer.reason)
    return web.Response(body=_JSON(body).encode(), content_type="application/json")
