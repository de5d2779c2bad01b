"""What happens to machines, addresses and names. Knows nothing of terminals."""
