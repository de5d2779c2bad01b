"""Takes over the address pools of the PUQ module for WHMCS, from a dump of its tables or from CSV."""
