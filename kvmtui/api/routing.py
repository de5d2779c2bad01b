"""How an operation is served: the token first, then a strict body, then the engine in a thread.

A read has no body to refuse: its token is checked in the same thread, right before it is done.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from fastapi.security import HTTPBearer
from pydantic import BaseModel, ValidationError

from engine.actions import tokens
from engine.actions.permission import Needs, require
from engine.audit import Actor
from engine.forms.faults import BadInput, Fault, faults_of
from engine.nearest import nearest
from engine.queries.scoping import need_service
from engine.roles import Role
from kvmtui.api import strict
from kvmtui.api.problems import NOT_AN_OBJECT, ApiError

sys.modules.setdefault("pydantic.v1", None)  # type: ignore[arg-type]
"""FastAPI asks of every parameter whether it is of pydantic 1, and loads 1.5 MB to do so unless that is not there."""
_JSON = ("application/json",)
_READ = Needs(Role.VIEWER, "read this", whole_site=False)
_METRICS = Needs(Role.METRICS, "read the metrics", whole_site=False)
_REQUEST = "request_"
_SERVICE = "/api/v1/services/{id}"
_BODYLESS = ("GET", "HEAD", "OPTIONS")
_CLUSTER = 502
"""An operation that lists this status may wait for a cluster."""
_NO_TOKEN = "Send a token: Authorization: Bearer kvt_…. Create one with: kvmtui token create NAME"  # noqa: S105
bearer = HTTPBearer(
    scheme_name="token",
    bearerFormat="kvt_…",
    description="A token of `kvmtui token create`.",
    auto_error=False,
)


class PublicRoute(APIRoute):
    """An operation anybody may use."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        super().__init__(path, _threaded(endpoint, path.startswith(_SERVICE), _pool(options)), **options)


class TokenRoute(PublicRoute):
    """An operation that needs a token."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Authenticate, read the body strictly, then run the operation."""
        inner, form, names = super().get_route_handler(), form_of(self), _query_names(self.dependant)

        async def handle(request: Request) -> Response:
            await authenticate(request, Role.VIEWER)
            _need_known_query(request, names)
            await _read_strictly(request, form)
            return await inner(request)

        async def handle_read(request: Request) -> Response:
            try:
                _need_known_query(request, names)
                return await inner(request)
            except (RequestValidationError, BadQuery):
                await authenticate(request, Role.VIEWER)  # only a caller with a token learns what is wrong
                raise

        reads = (self.methods or set()) <= set(_BODYLESS) and hasattr(self.endpoint, _AUTHENTICATES)
        return handle_read if reads else handle


def router(public: bool = False) -> APIRouter:
    """A router whose operations need a token, or none."""
    return APIRouter(
        route_class=PublicRoute if public else TokenRoute,
        dependencies=[] if public else [Depends(bearer)],
        generate_unique_id_function=lambda route: route.name,
    )


async def authenticate(request: Request, needed: Role) -> None:
    """Note who sent a request; refused without a working token, and to a role that is too small for any use of it."""
    await request.app.state.threads.run(partial(_authenticate, request, presented(request), needed))


def presented(request: Request) -> str:
    """The token that a request brings, unchecked; 401 without one."""
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    if kind.lower() != "bearer" or not token.strip():
        raise ApiError(401, _NO_TOKEN, {"WWW-Authenticate": 'Bearer realm="kvmtui"'})
    return token.strip()


def _authenticate(request: Request, token: str, needed: Role) -> Actor:
    actor = tokens.authenticate(token, request.state.address)
    request.state.actor, request.state.token = actor, _printable(actor.login)
    request.app.state.rates.take(actor.token_id)
    require(actor, _READ if needed is Role.VIEWER else _METRICS)
    return actor


def _printable(name: str) -> str:
    return "".join(each if each.isprintable() and each != " " else "?" for each in name)[:80]


def form_of(route: Any) -> type[BaseModel] | None:
    """The form of an operation's body."""
    annotation = getattr(getattr(getattr(route, "body_field", None), "field_info", None), "annotation", None)
    for each in (annotation, *getattr(annotation, "__args__", ())):
        if isinstance(each, type) and issubclass(each, BaseModel):
            return each
    return None


class BadQuery(BadInput):
    """A query has a parameter that the operation does not take, or one of them twice."""


def _query_names(dependant: Any) -> list[str]:
    """The query parameters of an operation, in its order."""
    own = [each.alias for each in dependant.query_params]
    return own + [name for each in dependant.dependencies for name in _query_names(each)]


def _need_known_query(request: Request, names: list[str]) -> None:
    """A misspelt `plan` or filter must not be ignored: the request would do more than its sender wants."""
    given = [name for name, _ in request.query_params.multi_items()]
    faults = [
        Fault((name,), "is given twice." if name in names else f"unknown parameter.{nearest(name, names)}")
        for name in dict.fromkeys(given)
        if name not in names or given.count(name) > 1
    ]
    if faults:
        raise BadQuery(faults)


async def _read_strictly(request: Request, form: type[BaseModel] | None) -> None:
    """Parse the body where FastAPI looks for a parsed one; refused unless its types are exactly those of the form."""
    if request.method in _BODYLESS:
        return
    body = await request.body()
    if not body:
        return
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() not in _JSON:
        raise ApiError(415, "The body must be JSON. Send it with Content-Type: application/json.")
    request._json = strict.loads(body)
    if form is not None and request._json is not None:
        if not isinstance(request._json, dict):
            raise BadInput([Fault((), NOT_AN_OBJECT)])
        try:
            form.model_validate_json(body, strict=True)
        except ValidationError as error:
            raise BadInput(faults_of(error, form)) from None


_AUTHENTICATES = "authenticates"


def _pool(options: dict[str, Any]) -> str:
    """The server's pool of threads that an operation runs in: what waits for a cluster delays nothing else."""
    if _CLUSTER in (options.get("responses") or {}):
        return "waiting_threads"
    return "threads" if set(options.get("methods") or ()) <= set(_BODYLESS) else "writing_threads"


def _threaded(endpoint: Callable[..., Any], of_service: bool, pool: str) -> Callable[..., Any]:
    """The operation as FastAPI calls it: a synchronous one runs in one of the server's pools of threads.

    One of a service is not run for a token that does not see the service, whatever the operation itself would check.
    The token of a request that nobody authenticated so far is checked first.
    """
    if inspect.iscoroutinefunction(endpoint):
        return endpoint

    signature = inspect.signature(endpoint, eval_str=True)
    own = next((name for name, each in signature.parameters.items() if each.annotation is Request), None)
    callers = [name for name, each in signature.parameters.items() if each.annotation == Caller]

    async def call(**given: Any) -> Any:
        request: Request = given[own] if own else given.pop(_REQUEST)
        unchecked = presented(request) if callers and not _known(request) else ""

        def work() -> Any:
            if unchecked:
                actor = _authenticate(request, unchecked, Role.VIEWER)
                given.update(dict.fromkeys(callers, actor))
            if of_service:
                need_service(request.state.actor.scope, given["id"])
            return endpoint(**given)

        return await getattr(request.app.state, pool).run(work)

    parameters = list(signature.parameters.values())
    if own is None:  # FastAPI hands the request to one parameter only
        parameters.append(inspect.Parameter(_REQUEST, inspect.Parameter.KEYWORD_ONLY, annotation=Request))
    call.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    call.__name__, call.__doc__ = endpoint.__name__, endpoint.__doc__
    if callers:
        setattr(call, _AUTHENTICATES, True)
    return call


def _known(request: Request) -> bool:
    return getattr(request.state, "actor", None) is not None


async def _caller(request: Request) -> Actor | None:
    """Who sent the request; None when the thread that does it is to find out."""
    actor: Actor | None = getattr(request.state, "actor", None)
    return actor


Caller = Annotated[Actor, Depends(_caller)]
"""The token that sent the request."""
BIGGEST = 2_147_483_647


def whole_site(actor: Actor, what: str) -> None:
    """Refuse a token that is limited to clients or products what tells of the whole site."""
    require(actor, Needs(Role.VIEWER, what, whole_site=True))


ServiceId = Annotated[int, Path(ge=1, le=BIGGEST, description="The service's id.", examples=[5546])]


@dataclass(frozen=True, slots=True)
class Paging:
    """Which part of a list: how many, after what, which, in which order."""

    limit: int
    after: str
    q: str
    sort: str


After = Annotated[str, Query(max_length=1000, description="`next` of the page before.")]
Words = Annotated[str, Query(max_length=200, description="Words to look for, as in the console's filter.")]
Sort = Annotated[
    str, Query(max_length=40, description="Field to sort by; `-field` for descending.", examples=["id"])
]
ById = Annotated[Literal["-id", "id"], Query(description="Newest first, or oldest first.")]


def _paging(most: int) -> Callable[..., Awaitable[Paging]]:
    """What reads the paging of a request whose page has `most` items unless it names a limit."""

    async def paging(
        limit: Annotated[int, Query(ge=1, le=500, description="Most items to answer.")] = most,
        after: After = "",
        q: Words = "",
        sort: Sort = "",
    ) -> Paging:
        return Paging(limit, after, q, sort)

    return paging


Page = Annotated[Paging, Depends(_paging(100))]
Stretch = Annotated[Paging, Depends(_paging(500))]
"""The same of a short list, which comes whole unless a limit is given."""
