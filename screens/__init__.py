"""What an operator sees. Reads through engine.queries, changes through engine.actions.

One folder per tab, with its dialogs and rows, over shared machinery. Imports point downwards only (pyproject.toml):

    shell/          the console around the screens: terminal, header, tabs, event feed, goto, themes
    wizard/         the first steps
    dashboard/      dashboard and alerts
    clients/ products/ servers/ zones/ pools/ settings/ audit/ vms/
    vm/             the page of one VM, one file per tab, and every command on VMs
    services/       services, their commands, adoption
    consoles/ help/ serial and noVNC consoles; help page and palette
    framework/      base classes: screen, list, records, form, commands
    widgets/        table, log, form, dialogs: they know nothing of VMs
    common/         actions and bindings, text, times, memory
"""
