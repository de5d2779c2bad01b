"""Takes over the address pools of the WHMCS module: from a dump of its tables, or from CSV."""
