"""UCWA 2.0: the resource tree and the event channel over the domain."""
