"""Proxmox's property strings as values: parsed, changed one option at a time, and written back without loss.

Every codec keeps what it does not know, in its place, so a newer Proxmox loses nothing by passing through here.
"""

from .cloudinit import IpConfig, decode_ssh_keys, encode_ssh_keys
from .drive import Drive, Limits, is_drive_key
from .machine import Agent, Boot, Smbios
from .net import Net
from .options import Options
from .sizes import GIB, gib_text, parse_size, size_text

__all__ = [
    "GIB",
    "Agent",
    "Boot",
    "Drive",
    "IpConfig",
    "Limits",
    "Net",
    "Options",
    "Smbios",
    "decode_ssh_keys",
    "encode_ssh_keys",
    "gib_text",
    "is_drive_key",
    "parse_size",
    "size_text",
]
