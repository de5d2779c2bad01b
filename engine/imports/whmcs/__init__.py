"""Imports a shop from WHMCS: products, clients and services of the PUQ Proxmox KVM module.

shop.py       reads the tables of a dump or of a folder of CSV files
settings.py   a product's module settings, as fields of a product here
options.py    configurable options, as overrides of a service
servers.py, products.py, clients.py, schedules.py
              what each of these is here
planning.py   compares the shop with this site: what would be made, what is here, what cannot be moved and why
inspecting.py looks at the VMs on their clusters
adopting.py   adopts the services that were chosen, and reserves the addresses of the others
"""
