"""Notifies operators of the same events as the webhooks, through Apprise.

settings.py   the targets in config.toml
quiet.py      quiet hours
urls.py       reads a target's URL, and masks what is secret in it
recording.py  writes a notification per target, in the transaction of what it reports
queue.py      which notifications are due, and what became of them
message.py    one notification, or many in one digest
post.py       sends a message through Apprise, which is imported there alone
sender.py     sends what is due at each target
"""
