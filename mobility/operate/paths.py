"""Where the operator API has what: known to the routes and to the commands.

It imports nothing, so that a command which asks a running front end starts quickly.
"""

CONFIGURATION = "/operate/v1/configuration"
DIRECTORY_SYNC = "/operate/v1/directory/sync"
GROUPS = "/operate/v1/groups"
MCX_CLIENTS = "/operate/v1/mcx/clients"
MOBILITY = "/operate/v1/mobility"
MOBILITY_GRANTS = "/operate/v1/mobility-grants"
PUSH = "/operate/v1/push"
SERVICE_ACCOUNTS = "/operate/v1/service-accounts"
STATUS = "/operate/v1/status"
USERS = "/operate/v1/users"
VOICE = "/operate/v1/voice"
VOICE_GRANTS = "/operate/v1/voice-grants"
VOICE_TEST = "/operate/v1/voice-test"

PAGE_USERS = 1000
"""Users in one page, at most and unless fewer are asked for."""

DOCUMENT_BYTES = 128 * 1024 * 1024
"""The largest document: some 100,000 users with all their fields (our choice)."""
