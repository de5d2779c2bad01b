"""The one change to a guest that is not ours yet: writing our mark into it, because an operator named it.

It is separate from `Guest`, whose changes all require the mark.
"""

from __future__ import annotations

from .answers import ProxmoxAnswer
from .faults import not_ours
from .guest import Guest
from .mark import bears_mark, stamped


def adopt(guest: Guest, digest: str) -> None:
    """Writes the mark into a guest that carries none, over exactly the config that had this digest.

    A guest that anybody changed or marked since then is refused, here or by Proxmox itself.
    """
    config = guest.config()
    if bears_mark(config.description):
        raise not_ours(guest.vmid, guest.mark, config.mark, config.name)
    text = stamped(config.description, guest.mark)
    guest.send(
        "PUT", "Writing our mark", ("config",), {"description": text, "digest": digest}, ProxmoxAnswer.nothing
    )
