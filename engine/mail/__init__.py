"""Mails to clients: written with the step they speak of, sent once, in the client's language.

folder.py      where an operator's own templates lie
own.py         which files there are, and copies to edit
facts.py       what a mail may say about a VM
outbox.py      puts a mail into the outbox, inside the transaction of the step
languages.py   the catalogues: one file per language
letters.py     templates and catalogue become subject, text and HTML
message.py     a letter becomes the bytes that go over the wire
smtp.py        one connection to the mail server, and every way it can fail
claims.py      who sends which row, and what is known about how it ended
round.py       sends what is due, and remembers how the server behaved
sender.py      does so in a thread of the running engine
"""
