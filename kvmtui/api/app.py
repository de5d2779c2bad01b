"""The application: its operations, its errors, its limits."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware

import kvmtui
from engine.actions.consoles import ScreenLinks
from engine.certificates import keep_api
from engine.errors import KvmtuiError
from engine.queries.events import last_id
from kvmtui.api import problems
from kvmtui.api.client_page import app as pages
from kvmtui.api.gate import Gate
from kvmtui.api.hub import Hub
from kvmtui.api.metrics import Metrics
from kvmtui.api.operations import ROUTERS, requests
from kvmtui.api.peers import Networks
from kvmtui.api.rates import Rates
from kvmtui.api.settings import ApiSettings
from kvmtui.api.threads import Threads

if TYPE_CHECKING:
    from kvmtui.api.exposition import Exposition

_FOLLOWER_S = 3.0
_LOCAL = 4
"""Most threads that read the database, and most that write it: more would only wait for the interpreter, or for their
turn to write, each with a connection of half a megabyte."""
log = logging.getLogger("kvmtui.api")
_operations = APIRouter()
"""All operations. The routes are shared: FastAPI prepares them with the first request, once in a process."""
for _each in ROUTERS:
    _operations.include_router(_each)


def create(settings: ApiSettings, listen: str = "") -> FastAPI:
    """The API over the site that is open in this process; `listen` is the ADDRESS:PORT it is served at."""
    metrics = Metrics(settings.tls_cert)
    local = min(_LOCAL, settings.threads)
    threads, writing_threads, waiting_threads = Threads(local), Threads(local), Threads(settings.threads)
    of_clients = Threads(settings.threads)  # clients who wait for a slow cluster keep no shop waiting
    hub, screens = Hub(metrics.happened), ScreenLinks()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        hub.start(await asyncio.to_thread(last_id))
        await asyncio.to_thread(_keep_certificate, settings.tls_cert)
        yield
        await asyncio.to_thread(_keep_certificate, None)
        hub.close()
        await asyncio.to_thread(hub.join, _FOLLOWER_S)
        threads.close()
        writing_threads.close()
        waiting_threads.close()
        of_clients.close()
        screens.close()

    app = FastAPI(
        title="kvmtui",
        version=kvmtui.__version__,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
    )
    app.state.settings, app.state.listen = settings, listen
    app.state.threads, app.state.writing_threads = threads, writing_threads
    app.state.waiting_threads = waiting_threads
    app.state.messages = requests.Messages()
    app.state.hub, app.state.screens, app.state.exposition = hub, screens, cache(lambda: _exposition(metrics))
    app.state.rates = Rates(settings.rate_limit)
    app.router.routes.extend(_operations.routes)
    app.state.operations = [route for each in ROUTERS for route in each.routes if isinstance(route, APIRoute)]
    app.mount(
        "/client", pages.create(settings, listen, {"threads": of_clients, "screens": screens}), "client"
    )
    _answer_errors(app)
    if settings.cors:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.cors,
            allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
            allow_headers=["Authorization", "Content-Type", "Idempotency-Key", "If-Match", "Last-Event-ID"],
            expose_headers=["ETag", "Idempotency-Replayed", "Retry-After", "X-Request-Id"],
        )
    app.add_middleware(Gate, proxies=Networks(settings.proxies), counted=metrics.answered)
    return app


def _exposition(metrics: Metrics) -> Exposition:
    """What `/metrics` answers; Prometheus's client, with the HTTP server it brings, is loaded when it is read."""
    from kvmtui.api.exposition import Exposition

    return Exposition(metrics)


def _keep_certificate(path: Path | None) -> None:
    """Note which certificate is served, for the dashboard; a database that is away does not keep the API away."""
    try:
        keep_api(path)
    except KvmtuiError as error:
        log.warning("The API's certificate was not noted: %s", error.sentence)


def _answer_errors(app: FastAPI) -> None:
    @app.exception_handler(KvmtuiError)
    async def _engine(request: Request, error: KvmtuiError) -> Response:
        return problems.of_engine(error)

    @app.exception_handler(problems.ApiError)
    async def _api(request: Request, error: problems.ApiError) -> Response:
        return problems.problem(error.status, error.sentence, headers=error.headers)

    @app.exception_handler(RequestValidationError)
    async def _validation(request: Request, error: RequestValidationError) -> Response:
        return problems.of_validation(error.errors())

    @app.exception_handler(HTTPException)
    async def _http(request: Request, error: HTTPException) -> JSONResponse:
        return problems.of_http(request, error)
