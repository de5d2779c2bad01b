"""Tells other programs what happens, as Standard Webhooks.

catalog.py    the types of events
recording.py  writes a message per endpoint, in the transaction of what it reports
expiring.py   reports tokens that expire soon
months.py     reports the usage of a month that has ended
address.py    which URLs and addresses may be called
post.py       signs a message and sends it once
queue.py      which message is due, and what became of it
sender.py     the threads of a running engine that send
"""
