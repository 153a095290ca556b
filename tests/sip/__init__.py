"""The SIP side."""
