"""The scopes of UCWA: what an application other than a person may be limited to.

The names are the catalogue's, as the reference pages list them under each resource.
"""

CONTACTS = "Contacts.ReadWrite"
INITIATE = "Conversations.Initiate"
RECEIVE = "Conversations.Receive"
MEETINGS = "Meetings.ReadWrite"
USER = "User.ReadWrite"

SCOPES = (CONTACTS, INITIATE, RECEIVE, MEETINGS, USER)
