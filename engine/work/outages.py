"""What a server's row says about its outages; read by screens too, so nothing here imports the Proxmox client."""

from __future__ import annotations

from engine.store.models import Server


def lost(server: Server) -> bool:
    """Whether this server had lost quorum when it was last looked at."""
    return server.failures == 0 and server.probe_at is not None


def waits(server: Server) -> str:
    """Why no change may be sent to this server now; empty when it may."""
    return f"{server.last_error}; changes wait" if lost(server) else ""
