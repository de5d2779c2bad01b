"""`kvmtui server`: the Proxmox VE clusters."""

from kvmtui.terminal.nouns import noun

app = noun(__name__, __path__, "Manage Proxmox VE clusters.")
