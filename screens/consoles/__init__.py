"""The serial console in this terminal, and links to the noVNC console."""
