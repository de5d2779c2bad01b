"""`kvmtui vm`: the machines of the services."""

from kvmtui.terminal.nouns import noun

app = noun(__name__, __path__, "The machines: look at them, run them, repair them.")
