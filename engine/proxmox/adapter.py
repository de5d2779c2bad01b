"""Joins `requests` to the TLS socket of our own."""

from __future__ import annotations

from typing import Any

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPSConnection
from urllib3.connectionpool import HTTPSConnectionPool

from .wire import WireContext


class _JudgedConnection(HTTPSConnection):
    """A connection whose certificate was judged by our context; urllib3 cannot see that and would warn."""

    def connect(self) -> None:
        super().connect()
        self.is_verified = True


class _JudgedPool(HTTPSConnectionPool):
    ConnectionCls = _JudgedConnection


class WireAdapter(HTTPAdapter):
    """Routes every request of a session through one WireContext; the caller's `verify` has no say."""

    def __init__(self, context: WireContext) -> None:
        self.context = context
        self._pool: Any = None
        super().__init__(max_retries=0, pool_connections=1, pool_maxsize=1)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs, ssl_context=self.context)
        self.poolmanager.pool_classes_by_scheme = {"https": _JudgedPool}

    def build_connection_pool_key_attributes(self, request: Any, verify: Any, cert: Any = None) -> Any:
        host, _tls = super().build_connection_pool_key_attributes(request, False, cert)
        return host, {}

    def get_connection_with_tls_context(
        self, request: Any, verify: Any, proxies: Any = None, cert: Any = None
    ) -> Any:
        """The pool of the one host this adapter speaks to; it is looked for once."""
        if self._pool is None:
            self._pool = super().get_connection_with_tls_context(request, verify)
        return self._pool

    def request_url(self, request: Any, proxies: Any) -> Any:
        """The path and query: there are no proxies."""
        return request.path_url

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        """Nothing to do: the context judges."""

    def drop_connections(self) -> None:
        """The next call opens a fresh connection."""
        self.poolmanager.clear()
        self._pool = None
