"""The manifest: a site in a YAML file. `apply` makes the database match it, `export` writes what is there."""
