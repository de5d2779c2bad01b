"""The VM list."""
