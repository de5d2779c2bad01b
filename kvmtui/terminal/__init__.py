"""How the command line speaks: exit statuses, tables and JSON, questions, names to complete."""
