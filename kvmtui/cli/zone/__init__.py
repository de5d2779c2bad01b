"""`kvmtui zone`: the DNS zones."""

from kvmtui.terminal.nouns import noun

app = noun(__name__, __path__, "Manage DNS zones and their providers.")
