"""Every operation, by what it is about."""

from kvmtui.api.operations import (
    clients,
    notify,
    reading,
    requests,
    services,
    system,
    vm_maintenance,
    vms,
    webhooks,
)

ROUTERS = (
    system.public,
    reading.router,
    clients.router,
    services.router,
    vms.router,
    vm_maintenance.router,
    requests.router,
    webhooks.router,
    notify.router,
)
