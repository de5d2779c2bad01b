"""Durable work: everything that carries out requests, whatever kills this process, and knows no pipeline.

model.py        what a pipeline is: steps and the ways a step can end         catalog.py   pipelines by name and status
requests.py     what was promised, as rows, until it has ended once
workers.py      the processes that work, with their heartbeats                leases.py    named rights of one worker
claims.py       who may work on a VM: lease and fence                         item.py      a VM as the kernel sees it
journal.py      every changing call, written down before it is sent           housekeeping.py  the same for chores
reconcile.py    what became of calls whose end is not known
walk.py         one VM, step by step, until it is done, waits or fails        context.py   what the kernel gives a step
record.py       runs, steps and their lines, in one transaction with vm_status
limits.py       slots for scarce things                                       servers.py   a handle per server, outages
watch.py        one question per node for all tasks that VMs wait on
engine.py       the threads of one process
events.py       the ordered stream of what happened                           wake.py      wake-ups between processes
task.py, task_run.py, task_ledger.py, ticker.py   the scheduled tasks and their beat
"""
