"""The lab's own endpoint beside the API: a test in another process looks and steers here, without a login."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping
from typing import Any

from aiohttp import web

from engine.errors import Refused
from kvmtui.lab import foreign, inject, seeds, views
from kvmtui.lab.effects import RequestLog
from kvmtui.lab.faults import from_mapping
from kvmtui.lab.world import LabCluster

Body = Mapping[str, Any]


class Control:
    """Answers GET and POST under /lab; every answer is JSON."""

    def __init__(self, world: LabCluster, requests: Callable[[], RequestLog]) -> None:
        self._world = world
        self._requests = requests
        self._reads: dict[str, Callable[[], object]] = {
            "guests": lambda: views.guests(world),
            "volumes": lambda: views.volumes(world),
            "tasks": lambda: views.tasks(world),
            "consoles": lambda: views.consoles(world),
            "effects": lambda: list(world.effects),
            "faults": lambda: world.faults.remaining(),
            "requests": self._request_counts,
            "time": lambda: {"now": world.clock.now()},
        }

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        """The answer to one control call; a refusal is a 400 with its sentence."""
        verb = request.path.removeprefix("/lab").strip("/")
        try:
            if request.method == "GET" and verb in self._reads:
                return _json(self._reads[verb]())
            if request.method == "POST":
                return _json(await self._do(verb, await _body(request)))
        except KeyError as missing:
            return _json({"error": f"The lab's '{verb}' needs '{missing.args[0]}'."}, 400)
        except (Refused, TypeError, ValueError) as problem:
            return _json({"error": str(problem)}, 400)
        known = ", ".join(sorted(self._reads))
        return _json({"error": f"The lab has no {request.method} {request.path}. It reads: {known}."}, 404)

    def _request_counts(self) -> dict[str, object]:
        log = self._requests()
        return {"count": log.count, "per_node": log.per_node, "entries": log.entries[-1000:]}

    async def _do(self, verb: str, body: Body) -> object:
        world = self._world
        if verb == "faults":
            world.faults.add(from_mapping(body))
            return world.faults.remaining()
        if verb == "faults/clear":
            world.faults.clear()
            return []
        if verb == "advance":
            await world.clock.advance(float(body["seconds"]))
            return {"now": world.clock.now()}
        if verb == "foreign":
            await foreign.act(world, str(body["action"]), **dict(body.get("args", {})))
            return {"done": body["action"]}
        if verb == "nodes":
            inject.set_online(world, str(body["node"]), online=bool(body["online"]))
            return {"node": body["node"], "online": bool(body["online"])}
        if verb == "quorum":
            world.quorate = bool(body["quorate"])
            return {"quorate": world.quorate}
        if verb == "storages":
            seeds.add_storage(world, **dict(body))
            return {"storages": sorted(world.storages)}
        if verb == "templates":
            seeds.add_template(world, **dict(body))
            return {"template": body["vmid"]}
        if verb == "documented-role":
            seeds.documented_role(world, next(iter(world.access.tokens)))
            return {"privileges": world.access.permissions(next(iter(world.access.tokens)))}
        if verb == "revoke":
            user, path = str(body.get("user", "")), str(body.get("path", "/"))
            world.access.revoke(user or next(iter(world.access.tokens)), str(body["privilege"]), path)
            return {"revoked": body["privilege"], "path": path}
        raise Refused(
            f"The lab does not know '{verb}'. "
            "It knows: faults, faults/clear, advance, foreign, nodes, quorum, storages, templates, "
            "documented-role, revoke."
        )


async def _body(request: web.BaseRequest) -> Body:
    text = await request.text()
    body = json.loads(text) if text else {}
    if not isinstance(body, dict):
        raise Refused("The lab's control endpoint takes a JSON object.")
    return body


def _json(value: object, status: int = 200) -> web.Response:
    text = json.dumps(value, default=_plain)
    return web.Response(text=text, status=status, content_type="application/json")


def _plain(value: object) -> object:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
    return str(value)
