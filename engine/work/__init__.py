"""Walks VMs along their pipelines; the only writer of vm_status, runs and steps.

claims.py    who may work on a VM: lease, fence, what is due
journal.py   every changing call, written down before it is sent
settle.py    what became of calls whose end we do not know
limits.py    turns: clones per storage, tasks per node
servers.py   a handle per server; one that fails is probed once per tick, not by every VM
context.py   what a step may use
record.py    runs, steps and their lines, written in one transaction with vm_status
walk.py      one VM, step by step, until it is done, waits or fails
watch.py     one question per node for all tasks that VMs wait on
engine.py    the threads of one process
"""
