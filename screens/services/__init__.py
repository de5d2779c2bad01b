"""Services, the commands on them, their options, and the adoption of existing guests."""
