"""Writes the reference pages, JSON Schemas and man pages under docs/ from the program itself.

`python -m kvmtui.reference` (`make docs`) rewrites them; a test fails while one of them is out of date. Nothing else
imports this package, so it costs a start of the program nothing.
"""
