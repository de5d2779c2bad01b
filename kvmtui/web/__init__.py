"""`kvmtui web`: the console in a browser. Each tab runs a console of its own, in a process of its own."""
