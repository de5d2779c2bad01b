"""Finds the VM for the text typed after `:`."""

from __future__ import annotations

import asyncio
from typing import Any

from engine.errors import KvmtuiError, Refused
from engine.queries.refs import vm_ref
from engine.queries.vm_list import VmQuestion, page


async def find(app: Any, words: str) -> int | None:
    """The service of an id, `vmid:N`, name or address; notifies unless it is exactly one."""
    try:
        return await asyncio.to_thread(service, words)
    except KvmtuiError as error:
        app.notify(error.sentence, severity="warning", markup=False)
        return None


def service(words: str) -> int:
    """The service that is meant; refused unless it is exactly one."""
    try:
        return vm_ref(words).service_id
    except Refused as refusal:
        fitting = page(VmQuestion(text=words), 0, 2)
        if len(fitting) == 1:
            return fitting[0].service_id
        if fitting:
            raise Refused(
                f"“{words}” fits more than one VM; type more of it, or filter the list with /."
            ) from None
        raise refusal
