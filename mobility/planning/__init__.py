"""What a deployment needs around the front end: names, records, certificates, proxies, firewalls.

Everything here is pure: it reads the configuration and gives back what ought to be.
"""
