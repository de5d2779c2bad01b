"""`kvmtui service`: what clients have."""

from kvmtui.terminal.nouns import noun

app = noun(__name__, __path__, "Manage services and their lifecycle.")
