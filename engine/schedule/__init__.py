"""Scheduled tasks: what is due, under which lock, and the ticker of a long-running process.

task.py      what a task is            registry.py  every task
ledger.py    due-ness, locks, results  perform.py   one task under its lock, with its lines
ticker.py    the beat                  the other files: one task each
"""
