"""The dashboard: its sections, the list of alerts, and what each line opens."""
