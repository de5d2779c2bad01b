"""Importing a shop by the command line: its plan, the manifest, the list of adoptions to tick, and carrying it out."""
