"""DNS: names, zones, the plan of changes, and the providers that carry it out.

Nothing here knows the database. A caller hands in zones, wanted records and ledger entries as values, holds
the provider's `lock_key` while it writes, and keeps what comes back.
"""
