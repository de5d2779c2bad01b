"""The consoles of guests: the serial line for a terminal, and the screen for a browser.

serial.py     the serial line: what Proxmox's terminal protocol looks like, as bytes in and out
filtering.py  which of the guest's control sequences may reach an operator's terminal
tail.py       the last lines of a session as plain text
settings.py   where links to screens are served, and the key that leaves the serial line
keys.py       control keys by their names
offers.py     one offered screen: link, page, seat, each by a secret that works once
proxy.py      the small server behind a link: noVNC and the page, to its own names only
relay.py      bytes between a browser and Proxmox
page/         the page it shows, and the headers on everything
novnc.py      where noVNC's files are, and which of them may be read
"""
