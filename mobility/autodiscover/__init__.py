"""Autodiscover: tells a client where to sign in and where its user's services are."""
