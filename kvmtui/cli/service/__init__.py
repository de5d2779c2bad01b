"""`kvmtui service`: what clients have."""

from kvmtui.terminal.nouns import noun

app = noun(__name__, __path__, "The services: what clients have, and what becomes of it.")
