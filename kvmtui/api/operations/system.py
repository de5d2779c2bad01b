"""What needs no token: health, readiness, the schema, its page, and the old DNS list."""

from __future__ import annotations

import asyncio
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Annotated

from fastapi import Depends, Request
from fastapi import Path as PathParameter
from fastapi.responses import JSONResponse, Response

import kvmtui
from engine.errors import NotFound
from engine.queries.dns import mappings
from engine.queries.documents import plain
from engine.queries.events import last_id
from engine.roles import Role
from kvmtui.api import routing, shapes
from kvmtui.api.answers import answers, problems
from kvmtui.api.metrics import CONTENT_TYPE
from kvmtui.api.peers import Networks, is_loopback
from kvmtui.api.problems import problem

public = routing.router(public=True)
_READY_S = 5.0
_TYPES = {"page.html": "text/html", "page.css": "text/css", "page.js": "text/javascript"}
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


@public.get("/api/v1/health", responses=answers(shapes.Health, ()), tags=["Server"])
async def health() -> Response:
    """Say that the server answers."""
    return JSONResponse({"status": "ok", "version": kvmtui.__version__})


@public.get("/readyz", responses=answers(shapes.Ready, (503,)), tags=["Server"])
async def ready(request: Request) -> Response:
    """Say whether the server can work: its database answers."""
    try:
        async with asyncio.timeout(_READY_S):
            await request.app.state.threads.run(last_id)
    except Exception:  # noqa: BLE001 - whatever keeps the database from answering, the answer is the same
        return problem(503, "The database does not answer. The reason is in kvmtui's log.")
    return JSONResponse({"status": "ready"})


@public.get(
    "/api/v1/openapi.json",
    responses={
        200: {"description": "The schema.", "content": {"application/json": {"schema": {"type": "object"}}}}
    },
    tags=["Server"],
)
async def openapi() -> Response:
    """Answer the OpenAPI 3.1 schema of the API."""
    return Response(_schema().read_bytes(), media_type="application/json")


@public.get("/api/v1/docs", include_in_schema=False)
async def docs() -> Response:
    """The page that shows the schema."""
    return _file("page.html")


@public.get("/api/v1/docs/{name}", include_in_schema=False)
async def docs_file(name: Annotated[str, PathParameter(max_length=20)]) -> Response:
    """A script or style of that page."""
    if name not in _TYPES:
        raise NotFound("Nothing is served at this path.")
    return _file(name)


@public.get(
    "/dns.json",
    responses={
        200: {
            "description": "Every assigned address with its names.",
            "content": {
                "application/json": {
                    "schema": {"type": "array", "items": {"$ref": "#/components/schemas/DnsMapping"}}
                }
            },
        },
        **problems((403, 503, 504)),
    },
    tags=["DNS"],
)
def dns_list(request: Request) -> Response:
    """List forward name, address and reverse name of every VM, for addresses in `dns_allow`."""
    if request.state.address not in Networks(request.app.state.settings.dns_allow):
        return problem(
            403, "This address may not read the list. Add it to dns_allow in [api] of config.toml."
        )
    return JSONResponse(plain(mappings()))


@public.get(
    "/metrics",
    responses={
        200: {
            "description": "Metrics of the site and of this server.",
            "content": {"text/plain": {"schema": {"type": "string"}}},
        },
        **problems((401, 403, 429, 503, 504)),
    },
    dependencies=[Depends(routing.bearer)],
    tags=["Server"],
)
async def metrics(request: Request) -> Response:
    """Answer the metrics for Prometheus, to a token with the role metrics or owner, or to a request from this host."""
    if not _comes_from_here(request):
        await routing.authenticate(request, Role.METRICS)
    state = request.app.state
    text = await state.threads.run(lambda: state.exposition().text())
    return Response(text, media_type=CONTENT_TYPE)


def _comes_from_here(request: Request) -> bool:
    """Whether it was sent on this host, and not forwarded by a proxy on it."""
    passed_on = any(name in request.headers for name in ("x-forwarded-for", "forwarded", "via", "x-real-ip"))
    behind = request.app.state.settings.behind_proxy
    return not passed_on and not behind and is_loopback(request.state.address)


def _file(name: str) -> Response:
    return Response(_text(name), media_type=_TYPES[name], headers={"Content-Security-Policy": _POLICY})


def _schema() -> Path:
    """The schema that the reference generated: to make it here costs megabytes that a server never frees."""
    installed = Path(__file__).parents[1] / "docs" / "openapi.json"
    return (
        installed if installed.exists() else Path(kvmtui.__file__).parents[1] / "docs/reference/openapi.json"
    )


@cache
def _text(name: str) -> str:
    return files("kvmtui.api.docs").joinpath(name).read_text(encoding="utf-8")
