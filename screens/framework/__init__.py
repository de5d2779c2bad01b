"""Base classes of the screens: one screen, a list, a list of records, the form of a record, commands on VMs.

screen.py           a screen below the tabs, and a screen that shows a list
records_screen.py   a list of records that can be viewed, added, edited and deleted
record_view.py, save_dialog.py, form_questions.py, notes.py    what such a list opens
commands.py         sends requests for one or many VMs and reports each result
live_rows.py, export.py, check_results.py
"""
