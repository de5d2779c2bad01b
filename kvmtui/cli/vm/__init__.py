"""`kvmtui vm`: the VMs of the services."""

from kvmtui.terminal.nouns import noun

app = noun(__name__, __path__, "Inspect, operate and repair VMs.")
