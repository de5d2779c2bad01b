"""IP pools, and the addresses in use."""
