"""Import data of other programs: `sql` and `sheets` read files, `puq` takes over address pools, `whmcs` a whole shop.

files.py      opens a file, packed or not
tables.py     tables as a file holds them
columns.py    finds the columns that matter, whatever a version calls them
"""
