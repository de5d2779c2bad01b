"""The tabs of a VM's page, one file each.

tab.py          what a tab is, and the table of tabs; a new tab is one line there and one file here
cluster_tab.py  a tab that lists what the cluster holds for a VM: snapshots, backups, ISO images
status_lines.py the lines above such a list; forms.py the forms it opens
poller.py       polls the cluster while its widget is visible; live_panel.py and plot.py draw what it reads
"""
