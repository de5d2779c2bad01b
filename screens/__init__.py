"""What an operator sees. Reads through engine.queries, changes through engine.actions."""
