"""The page of one VM, and every command on VMs.

screen.py           the page: header, row of tabs, the open tab
tabs/               one file per tab
details.py          one reading of a VM, which the page passes to its open tab
commands.py         the actions of the scope `vm`, for this page and the VM list; actions_menu.py shows them
run_log.py, record_editor.py, rdns_form.py, password.py    the dialogs they open
status.py           the state of a VM as a cell
"""
