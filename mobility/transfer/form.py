"""What a document says of itself, and what may become of its objects: known to commands, too.

It imports nothing, so that commands start quickly.
"""

FORMAT = "mobility-configuration"
VERSION = 1
"""Grows when a document could be misread by an older program."""

EXISTING = ("change", "keep", "refuse")
"""What becomes of an item whose object is there already and different."""
