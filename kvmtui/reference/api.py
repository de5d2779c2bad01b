"""The HTTP API as an OpenAPI document and as a page, from the application itself."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

from kvmtui.api.app import create
from kvmtui.api.openapi import describe
from kvmtui.api.problems import MEDIA
from kvmtui.api.settings import ApiSettings
from kvmtui.reference.markdown import GENERATED, code, table

_METHODS = ("get", "post", "put", "patch", "delete")


@cache
def openapi() -> dict[str, Any]:
    """The OpenAPI 3.1 schema."""
    return describe(create(ApiSettings()))


def page() -> str:
    """Every operation in one table, and every error in another."""
    return "\n\n".join(
        [
            "# HTTP API reference",
            GENERATED,
            "Every operation with its path. Parameters, bodies, answers and examples are in "
            "[openapi.json](openapi.json), which the server also shows at `/api/v1/docs`. How to use it: "
            "[connect your billing system](../howto/connect-your-billing-system.md).",
            "## Operations",
            table(("Method and path", "Does", "Answers"), _operations()),
            "## Errors",
            "Errors are RFC 9457 `application/problem+json`: `type`, `title`, `status`, `detail` and, for bad input, "
            "`errors` with `path` and `detail` of each fault.",
            table(("Status", "Title", "Example"), _errors()),
        ]
    )


def _operations() -> Iterator[tuple[str, str, str]]:
    for path, methods in openapi()["paths"].items():
        for method in _METHODS:
            if method in methods:
                operation = methods[method]
                good = [status for status in operation["responses"] if status < "400"]
                does = " ".join(operation["description"].split())
                yield code(f"{method.upper()} {path}"), does, ", ".join(good)


def _errors() -> Iterator[tuple[str, str, str]]:
    for answer in openapi()["components"]["responses"].values():
        example = answer["content"][MEDIA]["example"]
        yield str(example["status"]), example["title"], example["detail"]
