"""SIP (RFC 3261): a sans-IO stack, and the listeners and agents that run it."""
