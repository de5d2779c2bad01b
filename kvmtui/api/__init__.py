"""The HTTP API: optional (`kvmtui[api]`), served by `kvmtui api` or inside the daemon.

It reads through `engine.queries` and acts through `engine.actions` with an Actor that is the token. Only `settings`
and `peers` may be imported without the extra; everything else needs FastAPI.
"""
