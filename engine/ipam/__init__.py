"""Addresses: the pools of a server, what is free in them, and who holds which."""
