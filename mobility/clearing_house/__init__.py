"""The clearing house: takes pushes from organisations and brings them to the providers.

It holds the credentials that the providers accept, and nothing of users, conversations or calls.
"""
