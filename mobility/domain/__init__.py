"""What the system is about: users, presence, applications, conversations.

No reactor, no sockets, no wire format here; time is an argument (`now`, epoch seconds).
"""
