"""The help page and the command palette, both made from the table of actions."""
