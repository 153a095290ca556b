"""From objects of Skype for Business Server to a document of `mobility import`, and a report of
what has no equal here."""

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

import attrs

from mobility.domain.addresses import is_local, user_uri
from mobility.domain.mobility_policy import KIND, MOBILITY, MobilityPolicy
from mobility.domain.setting_rules import Kinds, shown_names
from mobility.domain.voice_objects import VOICE
from mobility.errors import PeerFault
from mobility.operate.profile import FLAGS, RULES
from mobility.skype.clixml import PSObject, listed, plain
from mobility.transfer.csv_text import FLAG_WORDS

Item = dict[str, Any]


@attrs.define(slots=True)
class Migration:
    """The sections of the document, and the report.

    `left_out` has objects that could not be taken over: kind, name, reason.  `no_equal` counts
    objects by kind and property, with what to know about it.
    """

    sip_domains: Collection[str] = ()
    sections: dict[str, list[Item]] = attrs.Factory(dict)
    left_out: list[tuple[str, str, str]] = attrs.Factory(list)
    no_equal: dict[tuple[str, str], tuple[int, str]] = attrs.Factory(dict)
    read: dict[str, int] = attrs.Factory(dict)

    def add(self, section: str, item: Item) -> None:
        self.sections.setdefault(section, []).append(item)

    def missing(self, kind: str, name: str, reason: str) -> None:
        self.no_equal[kind, name] = (self.no_equal.get((kind, name), (0, ""))[0] + 1, reason)

    def leave_out(self, kind: str, name: str, reason: str) -> None:
        self.left_out.append((kind, name, reason))


NOTHING = ("", "False", "0", None, False, 0)
"""Values of a property that say nothing."""

SILENT = frozenset(
    {
        "identity", "name", "guid", "objectid", "id", "isvalid", "objectclass", "objectcategory",
        "objectstate", "originatingserver", "whenchanged", "whencreated", "element", "anchor",
        "tenant", "tenantid", "pscomputername", "runspaceid", "psshowcomputername", "sid",
        "samaccountname", "upn", "userprincipalname", "firstname", "lastname", "scopeclass",
        "instanceid", "distinguishedname", "countryabbreviation", "countryorregiondisplayname",
        "proxyaddresses", "webpage", "audiovideodisabled", "registrarpool", "homeserver",
        "targetregistrarpool", "enabledforfederation", "enabledforinternetaccess",
        "publicnetworkenabled", "hidefromaddresslists",
    }
)  # fmt: skip
"""Folded names of properties that identify an object there, or say what needs no setting here."""

USER_FIELDS = {
    "displayname": "name",
    "windowsemailaddress": "email",
    "title": "title",
    "department": "department",
    "company": "company",
    "office": "office",
    "enabled": "enabled",
    "enterprisevoiceenabled": "enterprise_voice",
}
GRANTS = {
    "voicepolicy": ("voice_grants", "voice_policy"),
    "dialplan": ("voice_grants", "dial_plan"),
    "mobilitypolicy": ("mobility_grants", "mobility_policy"),
}
REASONS = {
    "lineuri": "the number is not E.164",
    "exumenabled": "voicemail is one address for everybody: forwarding.voicemail",
    "hostedvoicemail": "voicemail is one address for everybody: forwarding.voicemail",
    "hostingprovider": "people of other systems have a home: mobility user set --home",
    "privateline": "a user has one number",
    "callviaworkpolicy": "calls are placed by the client itself or through EnableOutsideVoice",
    "enablecallpark": "calls are not parked",
    "allowpstnrerouting": "there is no other way for calls between users",
    "enablebwpolicyoverride": "bandwidth is not managed",
    "enablemaliciouscalltracing": "calls are not traced",
    "preventpstntollbypass": "locations of gateways are not known",
    "enablebusyoptions": "a busy user is called all the same",
    "externalaccessprefix": "write it into the normalisation rules",
    "optimizedevicedialing": "write it into the normalisation rules",
    "simplename": "names are identities",
    "dialinconferencingregion": "regions are in the configuration: meetings.dial_in",
    "city": "of no effect on dialling",
    "countrycode": "of no effect on dialling",
    "state": "of no effect on dialling",
}
"""Folded names of properties, to why there is nothing for them here."""

DEFAULTS = {
    "allowpstnrerouting": "True",
    "voicedeploymentmode": "OnPrem",
    "simplename": None,
}
"""What such a property says when nobody has changed it; None for whatever it says."""

POLICY_FIELDS = {
    "pstnusages": "usages",
    "allowcallforwarding": "allow_call_forwarding",
    "allowsimulring": "allow_simul_ring",
    "enablecalltransfer": "enable_call_transfer",
    "enabledelegation": "enable_delegation",
    "enableteamcall": "enable_team_call",
    "enablevoicemailescapetimer": "enable_voicemail_escape_timer",
    "pstnvoicemailescapetimer": "pstn_voicemail_escape_timer",
    "callforwardingsimulringusagetype": "call_forwarding_simul_ring_usage_type",
    "customcallforwardingsimulringusages": "custom_call_forwarding_simul_ring_usages",
    "description": "description",
}
ROUTE_FIELDS = {
    "numberpattern": "number_pattern",
    "priority": "priority",
    "pstnusages": "usages",
    "pstngatewaylist": "gateways",
    "suppresscallerid": "suppress_caller_id",
    "alternatecallerid": "alternate_caller_id",
    "description": "description",
}
RULE_KEYS = ("Description", "Pattern", "Translation", "Name", "IsInternalExtension")
_RULE_TEXT = re.compile(rf"(?:^|;)({'|'.join(RULE_KEYS)})=")


def migrate(values: Iterable[Any], sip_domains: Collection[str]) -> Migration:
    """The document of what was read from files, and the report."""
    made = Migration(sip_domains)
    gateways: dict[str, None] = {}
    for thing in _flat(values):
        found = next((one for one in _KINDS if one.takes(thing)), None)
        if found is None:
            name = thing.type_name if isinstance(thing, PSObject) else type(thing).__name__
            made.leave_out("object", name[:200] or "without a type", "is none that is taken over")
            continue
        made.read[found.cmdlet] = made.read.get(found.cmdlet, 0) + 1
        found.read(made, thing)
    for route in made.sections.get("voice_routes", ()):
        gateways.update(dict.fromkeys(route.get("gateways", ())))
    for name in gateways:
        made.add("gateways", {"name": name})
        made.missing("Get-CsVoiceRoute", "PstnGatewayList", "gateways get port 5067 and TLS: check")
    return made


def _flat(values: Iterable[Any]) -> Iterable[Any]:
    for value in values:
        if isinstance(value, PSObject) and isinstance(value.value, list) and not value.properties:
            yield from _flat(value.value)
        elif isinstance(value, list):
            yield from _flat(value)
        else:
            yield value


def _folded(properties: Mapping[str, Any]) -> dict[str, tuple[str, Any]]:
    """Properties by their names in lower case, with the names as written."""
    return {name.lower(): (name, value) for name, value in properties.items()}


Properties = dict[str, tuple[str, Any]]


def _user(made: Migration, thing: PSObject) -> None:
    given = _folded(thing.properties)
    kind = "Get-CsUser"
    shown = plain(given.get("sipaddress", ("", ""))[1])
    uri = user_uri(shown)
    if uri is None or not is_local(uri, made.sip_domains):
        reason = (
            "has no SIP address" if not shown else f"is in none of {', '.join(made.sip_domains)}"
        )
        made.leave_out(kind, shown or plain(given.get("identity", ("", ""))[1]), reason)
        return
    item: Item = {"uri": uri}
    grants: dict[str, Item] = {}
    for folded, (name, value) in given.items():
        text = plain(value).strip()
        if folded in USER_FIELDS:
            field = USER_FIELDS[folded]
            taken: object = value if isinstance(value, bool) else text
            if field in FLAGS and isinstance(value, str):
                taken = FLAG_WORDS.get(text.lower(), text)
            if taken != "" and not RULES[field](taken):
                item[field] = taken
            elif taken != "":
                made.missing(kind, name, f"{field} {RULES[field](taken)}")
        elif folded == "lineuri" and text:
            number = text.removeprefix("tel:")
            if RULES["work_phone"](number):
                made.missing(kind, name, REASONS["lineuri"])
            else:
                item["work_phone"] = number
        elif folded in GRANTS and text and text.lower() != "global":
            section, field = GRANTS[folded]
            policy = text if text.lower().startswith("tag:") else f"tag:{text}"
            if ":" in text and not text.lower().startswith("tag:"):
                continue  # what its site has, rules the user here as well
            grants.setdefault(section, {"user": uri})[field] = policy
        elif folded not in ("sipaddress", "lineuri", *GRANTS):
            _unknown(made, kind, folded, name, value)
    made.add("users", item)
    for section, grant in grants.items():
        made.add(section, grant)


def _mobility_policy(made: Migration, thing: PSObject) -> None:
    given = _folded(thing.properties)
    kind = "Get-CsMobilityPolicy"
    known = {label.lower(): label for label in shown_names(MobilityPolicy).values()}
    item: Item = {"name": _identity(thing, given)}
    for folded, (name, value) in given.items():
        if folded in known and folded != "name":
            if value is not None:
                item[known[folded]] = value if isinstance(value, bool) else plain(value)
        else:
            _unknown(made, kind, folded, name, value)
    _checked(made, kind, MOBILITY, KIND, "mobility_policies", item)


def _voice_policy(made: Migration, thing: PSObject) -> None:
    given = _folded(thing.properties)
    kind = "Get-CsVoicePolicy"
    item = _fields(made, kind, thing, given, POLICY_FIELDS)
    _checked(made, kind, VOICE, "policies", "voice_policies", item)


def _voice_route(made: Migration, thing: PSObject) -> None:
    given = _folded(thing.properties)
    kind = "Get-CsVoiceRoute"
    item = _fields(made, kind, thing, given, ROUTE_FIELDS)
    item["gateways"] = [one.rpartition(":")[2].lower() for one in item.get("gateways", ())]
    item["number_pattern"] = pattern_of(item.get("number_pattern", ""))
    item["name"] = plain(given.get("name", ("", ""))[1]) or item["name"]
    _checked(made, kind, VOICE, "routes", "voice_routes", item)


def _pstn_usages(made: Migration, thing: PSObject) -> None:
    given = _folded(thing.properties)
    for one in listed(given.get("usage", ("", None))[1]):
        _checked(
            made, "Get-CsPstnUsage", VOICE, "usages", "pstn_usages", {"name": plain(one).strip()}
        )


def _dial_plan(made: Migration, thing: PSObject) -> None:
    given = _folded(thing.properties)
    kind = "Get-CsDialPlan"
    name = _identity(thing, given)
    rules: list[Item] = []
    for one in listed(given.get("normalizationrules", ("", None))[1]):
        rule = _rule(one)
        problem = _problem(VOICE, "dial-plans", {"name": "x", "rules": [rule]})
        if problem:
            made.leave_out(f"{kind} rule", f"{name} {rule.get('name', '')}", problem)
        else:
            rules.append(rule)
    item: Item = {"name": name, "rules": rules}
    for folded, (label, value) in given.items():
        if folded == "description":
            item["description"] = plain(value)
        elif folded != "normalizationrules":
            _unknown(made, kind, folded, label, value)
    _checked(made, kind, VOICE, "dial-plans", "dial_plans", item)


def _rule(value: Any) -> Item:
    """A normalisation rule: an object, or below the depth of the export its text."""
    if isinstance(value, PSObject) and value.properties:
        given = {name.lower(): one for name, one in value.properties.items()}
    else:
        parts = _RULE_TEXT.split(plain(value))
        given = {name.lower(): text for name, text in zip(parts[1::2], parts[2::2], strict=True)}
    internal = given.get("isinternalextension", False)
    return {
        "name": plain(given.get("name")).strip(),
        "pattern": pattern_of(plain(given.get("pattern"))),
        "translation": plain(given.get("translation")),
        "is_internal_extension": plain(internal).lower() == "true",
        "description": plain(given.get("description")),
    }


def pattern_of(text: str) -> str:
    """A pattern of .NET in the spelling of RE2, as far as the two differ in spelling alone.

    What RE2 cannot do (look-around, back references, atomic groups) stays and is refused.
    """
    text = re.sub(r"\(\?'([A-Za-z_][A-Za-z0-9_]{0,60})'", r"(?P<\1>", text[:2048])
    text = re.sub(r"\(\?<([A-Za-z_][A-Za-z0-9_]{0,60})>", r"(?P<\1>", text)
    text = re.sub(r"\(\?#[^)]{0,200}\)", "", text)
    return re.sub(r"(?<!\\)((?:\\\\)*)\\Z", r"\1\\z", text)


def _fields(
    made: Migration, kind: str, thing: PSObject, given: Properties, fields: Mapping[str, str]
) -> Item:
    item: Item = {"name": _identity(thing, given)}
    for folded, (name, value) in given.items():
        field = fields.get(folded)
        if field is None:
            _unknown(made, kind, folded, name, value)
        elif field in ("usages", "gateways", "custom_call_forwarding_simul_ring_usages"):
            item[field] = [plain(one).strip() for one in listed(value)]
        elif value is not None:
            item[field] = value if isinstance(value, bool | int) else plain(value)
    return item


def _identity(thing: PSObject, given: Properties) -> str:
    """The identity as it is written here."""
    text = plain(given.get("identity", ("", ""))[1]).strip() or thing.text.strip()
    return "global" if text.lower() == "global" else text


def _unknown(made: Migration, kind: str, folded: str, name: str, value: Any) -> None:
    """A property that has no equal here, unless it says nothing."""
    if folded in SILENT or (isinstance(value, PSObject) and not plain(value) and not listed(value)):
        return
    text = plain(value)
    usual = DEFAULTS.get(folded, "")
    says_no = FLAG_WORDS.get(text.lower()) is False
    if usual is None or text in NOTHING or text == usual or value == [] or says_no:
        return
    made.missing(kind, name[:80], REASONS.get(folded, "there is no such setting here"))


def _problem(kinds: Kinds, kind: str, item: Item) -> str:
    try:
        kinds.made(kind, item["name"], {key: one for key, one in item.items() if key != "name"})
    except PeerFault as fault:
        return "; ".join(f"{one.name} {one.reason}" for one in fault.parameters) or fault.message
    return ""


def _checked(
    made: Migration, cmdlet: str, kinds: Kinds, kind: str, section: str, item: Item
) -> None:
    problem = _problem(kinds, kind, item)
    if problem:
        made.leave_out(cmdlet, str(item["name"])[:200], problem)
    else:
        made.add(section, item)


Read = Callable[[Migration, PSObject], None]


@attrs.frozen(slots=True)
class _Kind:
    """What a cmdlet gives: the end of its type's name, or properties that only it has."""

    cmdlet: str
    endings: tuple[str, ...]
    properties: tuple[str, ...]
    read: Read

    def takes(self, thing: Any) -> bool:
        if not isinstance(thing, PSObject):
            return False
        last = thing.type_name.rpartition(".")[2].lower()
        names = {name.lower() for name in thing.properties}
        return last in self.endings or all(name in names for name in self.properties)


_KINDS = (
    _Kind("Get-CsUser", ("ocsaduser", "csuser"), ("sipaddress", "registrarpool"), _user),
    _Kind("Get-CsMobilityPolicy", ("mobilitypolicy",), ("enablemobility",), _mobility_policy),
    _Kind("Get-CsVoicePolicy", ("voicepolicy",), ("pstnusages", "allowsimulring"), _voice_policy),
    _Kind("Get-CsVoiceRoute", ("voiceroute",), ("numberpattern", "pstnusages"), _voice_route),
    _Kind("Get-CsPstnUsage", ("pstnusages",), ("usage",), _pstn_usages),
    _Kind("Get-CsDialPlan", ("locationprofile", "dialplan"), ("normalizationrules",), _dial_plan),
)
CMDLETS = tuple(one.cmdlet for one in _KINDS)
"""The cmdlets whose objects are taken over."""
