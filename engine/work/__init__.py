"""Durable work: carries out requests across crashes of any process. Knows no pipeline.

model.py        a pipeline: its steps, and the ways a step can end
catalog.py      pipelines by name and by status
requests.py     requests as rows, until each has ended once
workers.py      the processes that work, with their heartbeats
leases.py       named leases of one worker
claims.py       which worker may work on a VM: lease and fence
item.py         a VM as this package sees it
walk.py         one claimed VM, step by step, until it is idle, must wait, or fails
step_attempt.py one attempt at a step, and the commit of how it ended
progress.py     the state of a walk, with results of steps that are not committed yet
context.py      what a step gets
journal.py      every changing call, committed before it is sent
housekeeping.py the same for scheduled tasks
reconcile.py    the outcome of calls whose end is not known
record.py       runs, steps and their lines, in one transaction with vm_status
limits.py       slots for parallel work
servers.py      a client per server; access.py, outages.py, quorum.py: its login and its state
watch.py        one poll per node for all tasks that VMs wait for
engine.py       the threads of one process
wake.py         notifications within and between processes
loop.py         a thread that works on a queue
sending.py      senders to remote servers, one per server
events.py       the ordered stream of what happened
ports.py        interfaces to DNS and mail
retention.py    deletion of old rows
task.py, task_run.py, task_ledger.py, ticker.py   the scheduled tasks
"""
