"""The page of one machine: a head that is always in view, and below it one of several tabs.

place.py        the page: head, row of tabs, the tab that is open
known.py        one reading of a machine, which the page hands to its open tab
tab.py          what a tab is, and the table of them; a new tab is one line there and one file here
overview.py …   the tabs, one file each
watch.py        looks at the cluster again and again, only while its widget is seen
live.py plot.py the live panel and the columns of the charts: what was seen, as lines
password.py notes.py forms.py   what the page asks in dialogs
"""
