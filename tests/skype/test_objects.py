"""Tests of taking over what Skype for Business Server has."""

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from mobility.skype.clixml import PSObject
from mobility.skype.objects import CMDLETS, Migration, migrate, pattern_of
from mobility.transfer.document import FORMAT, VERSION
from tests.domain.doubles import World
from tests.transfer.doubles import Case

RTC = "Microsoft.Rtc.Management"
WRITABLE = f"{RTC}.WritableConfig.Policy"


def thing(type_name: str, **properties: Any) -> PSObject:
    return PSObject((type_name, "System.Object"), "", None, properties)


def named(text: str) -> PSObject:
    """A policy as a property of a user shows it."""
    return PSObject(("Microsoft.Rtc.Management.Identity",), text)


def user(**properties: Any) -> PSObject:
    usual = {
        "Identity": "CN=Alice",
        "SipAddress": "sip:Alice@example.test",
        "DisplayName": "Alice A.",
        "Enabled": True,
        "EnterpriseVoiceEnabled": True,
        "LineURI": "tel:+14255550101;ext=101",
        "RegistrarPool": "pool.example.test",
        "ExUmEnabled": False,
    }
    return thing(f"{RTC}.ADConnect.Schema.OCSADUser", **{**usual, **properties})


ROUTE = thing(
    f"{WRITABLE}.Voice.Route#Decorated",
    Identity="LocalRoute",
    Name="LocalRoute",
    NumberPattern=r"^\+1\d{10}$",
    Priority=0,
    PstnUsages=PSObject((), "", ["Local"]),
    PstnGatewayList=PSObject((), "", ["PstnGateway:gw.example.test"]),
    SuppressCallerId=None,
    AlternateCallerId=None,
)
USAGES = thing(f"{WRITABLE}.Voice.PstnUsages", Identity="Global", Usage=["Local", "Far"])
VOICE_POLICY = thing(
    f"Deserialized.{WRITABLE}.Voice.VoicePolicy",
    Identity="Tag:Boss",
    PstnUsages=["Local"],
    AllowSimulRing=False,
    CallForwardingSimulRingUsageType=named("VoicePolicyUsage"),
    CustomCallForwardingSimulRingUsages=[],
    AllowPSTNReRouting=True,
    PSTNVoicemailEscapeTimer=1500,
    EnableCallPark=True,
)
MOBILITY_POLICY = thing(
    f"{WRITABLE}.Mobility.MobilityPolicy",
    Identity="Site:Paris",
    EnableMobility=True,
    EnableOutsideVoice=False,
    RequireWIFIForIPVideo=True,
    VoiceSettings=None,
    SomethingNew="x",
)


class MigrationTests(SynchronousTestCase):
    """Objects of each cmdlet."""

    def take(self, *things: Any) -> Migration:
        return migrate(things, ["example.test"])

    def test_cmdlets(self) -> None:
        """Six cmdlets are read."""
        self.assertEqual(6, len(CMDLETS))

    def test_together(self) -> None:
        """Everything is taken in by an empty system: users, policies, routes, what is granted."""
        made = self.take(
            user(VoicePolicy=named("Boss"), MobilityPolicy=None, DialPlan=named("Global")),
            [ROUTE, USAGES],
            VOICE_POLICY,
            MOBILITY_POLICY,
        )
        self.assertEqual([], made.left_out)
        case = Case(World())
        document = {"format": FORMAT, "version": VERSION, "sections": made.sections}
        self.assertEqual([], list(case.take(document, whole=False).refused))
        alice = case.world.users.find("sip:alice@example.test")
        assert alice is not None
        self.assertEqual(
            ("Alice A.", "+14255550101;ext=101", True),
            (alice.name, alice.work_phone, alice.enterprise_voice),
        )
        policy = case.world.voice.policy_of(alice)
        self.assertEqual(("tag:Boss", ("Local",)), (policy.name, policy.usages))
        itinerary = case.world.voice.route(alice, "+14255550199")
        self.assertEqual(["gw.example.test"], [one.gateway.name for one in itinerary.attempts])
        paris = case.world.mobility_policies.find("policies", "site:Paris").thing
        self.assertEqual(
            (False, True), (paris.enable_outside_voice, paris.require_wifi_for_ip_video)
        )

    def test_no_equal(self) -> None:
        """Each property that has no equal here is told once with how many have it; those that say
        nothing, or what they say by default, are not."""
        made = self.take(
            user(LineURI="tel:101", HostedVoiceMail=True),
            user(SipAddress="sip:bob@example.test", HostedVoiceMail=True, PrivateLine=None),
            VOICE_POLICY,
            MOBILITY_POLICY,
        )
        found = {key: count for key, (count, _) in made.no_equal.items()}
        self.assertEqual(
            {
                ("Get-CsUser", "LineURI"): 1,
                ("Get-CsUser", "HostedVoiceMail"): 2,
                ("Get-CsVoicePolicy", "EnableCallPark"): 1,
                ("Get-CsMobilityPolicy", "SomethingNew"): 1,
            },
            found,
        )

    def test_left_out(self) -> None:
        """Users of other domains, wrong patterns and other objects are left out with a reason."""
        made = self.take(
            user(SipAddress="sip:x@elsewhere.test"),
            user(SipAddress=None),
            thing(f"{WRITABLE}.Voice.Route", Identity="R", NumberPattern="(?=1)", PstnUsages=[]),
            thing("System.IO.FileInfo", Name="x"),
            5,
        )
        self.assertEqual({}, made.sections)
        kinds = [kind for kind, _, _ in made.left_out]
        self.assertEqual(
            ["Get-CsUser", "Get-CsUser", "Get-CsVoiceRoute", "object", "object"], kinds
        )

    def test_dial_plan(self) -> None:
        """Rules are objects, or below the depth of the export their text; one that cannot be used
        is left out alone."""
        rule = thing("x.NormalizationRule", Name="R1", Pattern=r"^(\d{4})$", Translation="+1425$1")
        text = r"Description=a;b;Pattern=^9(\d+)$;Translation=+$1;Name=R2;IsInternalExtension=True"
        bad = r"Description=;Pattern=^(?!9)\d+$;Translation=$1;Name=R3;IsInternalExtension=False"
        plan = thing(
            f"{WRITABLE}.Voice.LocationProfile",
            Identity="Tag:Redmond",
            SimpleName="Redmond",
            NormalizationRules=PSObject((), "", [rule, text, bad]),
            ExternalAccessPrefix="9",
        )
        made = self.take(plan)
        (item,) = made.sections["dial_plans"]
        self.assertEqual("Tag:Redmond", item["name"])
        self.assertEqual(["R1", "R2"], [one["name"] for one in item["rules"]])
        second = item["rules"][1]
        self.assertEqual(("a;b", True), (second["description"], second["is_internal_extension"]))
        ((kind, name, _),) = made.left_out
        self.assertEqual(("Get-CsDialPlan rule", "Tag:Redmond R3"), (kind, name))
        self.assertIn(("Get-CsDialPlan", "ExternalAccessPrefix"), made.no_equal)

    def test_by_properties(self) -> None:
        """An object whose type says nothing is known by what it has."""
        made = self.take(thing("PSCustomObject", Identity="Global", EnableMobility=False))
        self.assertEqual(
            [{"name": "global", "EnableMobility": False}], made.sections["mobility_policies"]
        )

    def test_patterns(self) -> None:
        """Names of groups, comments and `\\Z` are spelled as RE2 has them."""
        for dotnet, ours in (
            (r"^(?<a>\d+)$", r"^(?P<a>\d+)$"),
            (r"^(?'a'\d+)\Z", r"^(?P<a>\d+)\z"),
            (r"^1(?#one)2$", "^12$"),
            (r"\\Z", r"\\Z"),
            (r"(?<=1)2", r"(?<=1)2"),
        ):
            self.assertEqual(ours, pattern_of(dotnet))
