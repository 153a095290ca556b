"""Nothing that an administrator sets is forgotten by the export."""

from collections.abc import Mapping

import attrs
from twisted.trial.unittest import SynchronousTestCase, TestCase

from mobility.administration import administration_routes
from mobility.domain.records import CallForwarding, User
from mobility.operate.access import OperatorAccess
from mobility.store.tables import TABLE_OF, metadata
from mobility.transfer.forwarding import KEYS as FORWARDING_KEYS
from mobility.transfer.users import KEYS as USER_KEYS
from tests.domain.doubles import World
from tests.transfer.doubles import Case
from tests.ucwa.service import Service

SECTIONS_OF_TABLES = {
    "users": {"users", "service_accounts"},
    "distribution_groups": {"groups"},
    "delegations": {"delegates"},
    "team_members": {"teams"},
    "voice_settings": {
        "pstn_usages",
        "gateways",
        "voice_routes",
        "voice_policies",
        "dial_plans",
        "emergency_numbers",
    },
    "voice_grants": {"voice_grants"},
    "mobility_settings": {"mobility_policies", "mobility_group_policies"},
    "mobility_grants": {"mobility_grants"},
    "service_accounts": {"service_accounts"},
    "call_forwardings": {"forwarding"},
    "push_switches": {"push_switches"},
}

OWN_DATA = "people's own data, which a copy of the database keeps"
AT_WORK = "what applications, calls and devices do just now"
LEFT_OUT = {
    **dict.fromkeys(
        (
            "photos",
            "presences",
            "privacy_relationships",
            "contact_groups",
            "contacts",
            "meetings",
            "meeting_extensions",
            "conversation_logs",
            "read_marks",
            "voicemail_counts",
            "leftovers",
            "messages",
        ),
        OWN_DATA,
    ),
    **dict.fromkeys(
        (
            "tokens",
            "applications",
            "instances",
            "receipts",
            "contact_subscriptions",
            "presence_subscriptions",
            "conversations",
            "legs",
            "participants",
            "invitations",
            "calls",
            "carriages",
            "disposition_requests",
            "delivery_marks",
            "call_sides",
            "call_reports",
            "renegotiations",
            "shared_contents",
            "content_views",
            "bindings",
            "streams",
            "stream_entries",
            "counters",
            "push_subscriptions",
            "push_notices",
            "push_cursors",
        ),
        AT_WORK,
    ),
    "service_secrets": "are never told; an account that is taken in gets a new one",
    "settings": "the system's own secrets, made where it is set up",
    "legacy_clients": "counts of who asked for the Mobility Service",
}

SECTIONS_OF_VERBS = {
    "/operate/v1/users": {"users"},
    "/operate/v1/users/{uri}": {"users"},
    "/operate/v1/users/{uri}/delegates/{other}": {"delegates"},
    "/operate/v1/users/{uri}/team/{other}": {"teams"},
    "/operate/v1/groups/{uri}": {"groups"},
    "/operate/v1/mobility/{kind}": {"mobility_policies", "mobility_group_policies"},
    "/operate/v1/mobility/{kind}/{name}": {"mobility_policies", "mobility_group_policies"},
    "/operate/v1/mobility-grants/{uri}": {"mobility_grants"},
    "/operate/v1/service-accounts": {"service_accounts"},
    "/operate/v1/service-accounts/{uri}": {"service_accounts"},
    "/operate/v1/voice/{kind}": SECTIONS_OF_TABLES["voice_settings"],
    "/operate/v1/voice/{kind}/{name}": SECTIONS_OF_TABLES["voice_settings"],
    "/operate/v1/voice-grants/{uri}": {"voice_grants"},
    "/operate/v1/push/switches/{platform}": {"push_switches"},
    "/operate/v1/push/switches/{platform}/{site}": {"push_switches"},
}

NOTHING_SET = {
    "/operate/v1/configuration": "is the import itself",
    "/operate/v1/voice-test": "only looks",
    "/operate/v1/push/users/{uri}/test": "wakes devices, and sets nothing",
    "/operate/v1/mcx/clients": "forgets counts",
    "/operate/v1/service-accounts/{uri}/secret": "secrets are never told",
}

USER_FIELDS_LEFT_OUT = {
    "created_at": "when it came to this system",
    "credential_version": "counts what ended its tokens here",
    "photo_version": "its photo's",
    "source_id": "its directory's, and comes with it",
    "source_name": "its directory's, and comes with it",
    "source_password": "its directory's, and comes with it",
}


class CompleteTests(SynchronousTestCase):
    """Tables and fields."""

    def setUp(self) -> None:
        self.sections = set(Case(World()).transfer.names)

    def test_tables(self) -> None:
        """Each table is in some section, or left out for a reason; each section has a table."""
        self.assertEqual(set(), SECTIONS_OF_TABLES.keys() & LEFT_OUT.keys())
        self.assertEqual(set(metadata.tables), {*SECTIONS_OF_TABLES, *LEFT_OUT})
        self.assertEqual(self.sections, set().union(*SECTIONS_OF_TABLES.values()))
        self.assertLessEqual({table.name for table in TABLE_OF.values()}, set(metadata.tables))

    def test_fields_of_users(self) -> None:
        """Each field of a user is exported, or left out for a reason."""
        fields = {field.name for field in attrs.fields(User)}
        self.assertEqual(fields, (fields & set(USER_KEYS)) | USER_FIELDS_LEFT_OUT.keys())

    def test_fields_of_forwarding(self) -> None:
        """Each field of call forwarding is exported, but for its owner and version."""
        fields = {field.name for field in attrs.fields(CallForwarding)}
        self.assertEqual(fields, {*FORWARDING_KEYS, "user_uri", "version"})


class VerbTests(TestCase):
    """The API of administrators."""

    async def test_verbs(self) -> None:
        """What each verb sets is in some section, or it sets nothing that is to be kept."""
        service = Service(self.mktemp())
        self.addCleanup(service.stop)
        access = OperatorAccess("k" * 43)
        routes = administration_routes(
            service.front_end, service.config, access, service.log, lambda uri: uri
        )
        setting = {route.path for route in routes if route.method != "GET"}
        known: Mapping[str, object] = {**SECTIONS_OF_VERBS, **NOTHING_SET}
        self.assertEqual(setting, set(known))
        sections = set(Case(World()).transfer.names)
        self.assertEqual(
            sections - {"forwarding"},
            set().union(*SECTIONS_OF_VERBS.values()),
            "users set their forwarding themselves",
        )
