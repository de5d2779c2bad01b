"""What happens to VMs, addresses and names. Knows nothing of terminals."""
