"""Servers (Proxmox clusters), their form and their nodes."""
