"""The registrar of users' phones (RFC 3261 section 10, RFC 3327, RFC 5626, RFC 5627, RFC 8599)."""

import secrets
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from functools import partial

import attrs

from mobility.config import SipConfig
from mobility.domain.bindings import Bindings, Registering
from mobility.domain.devices import Device, Devices
from mobility.domain.records import Binding
from mobility.domain.users import Users
from mobility.sip.admission import Admission, registers_as_lync
from mobility.sip.core import Incoming
from mobility.sip.flow import Flow
from mobility.sip.grammar import (
    Malformed,
    number,
    quote,
    readable,
    split_values,
    storable,
    unquote,
)
from mobility.sip.gruu import GR, Gruus, NamedPhone, new_handle, plain_instance
from mobility.sip.headers import NameAddr, seconds
from mobility.sip.message import Request
from mobility.sip.phones import Phone
from mobility.sip.push_parameters import asks, capabilities, device_kept, device_of
from mobility.sip.refusal import SipRefusal
from mobility.sip.routing import PhoneFlow, Target, Way, ways_of
from mobility.sip.uri import SipUri, UnknownScheme, parse_sip_uri, parse_uri

DEFAULT_EXPIRES_S = 3_600
"""Of a contact without an expiry (RFC 3261 section 10.2.1.1)."""

MAX_REG_ID = 2**31 - 1
MAX_INSTANCE = 256
MAX_USER_AGENT = 128
"""Characters that are kept of +sip.instance and User-Agent (our choice)."""


class Registrar:
    """Serves REGISTER.

    `flows` are the connections over which phones that keep one open have registered (RFC 5626), by
    user and binding.
    """

    def __init__(
        self,
        users: Users,
        bindings: Bindings,
        admission: Admission,
        settings: SipConfig,
        epoch: Callable[[], float],
        devices: Devices | None = None,
        gruus: Gruus | None = None,
    ) -> None:
        """`devices` keeps what wakes phones; without it none is woken.  Without `gruus` there are
        none."""
        self._users = users
        self._bindings = bindings
        self._devices = devices
        self._gruus = gruus
        self._admission = admission
        self._settings = settings
        self._epoch = epoch
        self._flows: dict[tuple[str, str], Flow] = {}

    async def register(self, incoming: Incoming) -> None:
        """A REGISTER came."""
        request, now = incoming.request, self._epoch()
        if parse_sip_uri(request.uri).user:
            raise SipRefusal(400, "Bad Request: a Request-URI with a user")
        record = request.to.sip
        user_uri = self._registrant(incoming, record)
        contacts = self._contacts(request, record)
        wanted = [] if contacts is None else contacts
        agent = readable(request.first("User-Agent") or "")
        woken = [(one, device_of(one.uri, agent)) for one in wanted]

        known: dict[str, Binding] = {}

        def decide(live: Mapping[str, Binding]) -> Registering:
            known.update(live)
            if contacts is None:
                _check_order(request, live.values())
                return Registering(removed=list(live))
            return self._decide(request, user_uri, wanted, live, now)

        bindings = await self._bindings.register(user_uri, decide, now)
        self._keep_flows(incoming, user_uri, wanted, bindings, known)
        await self._keep_awake(user_uri, woken, now)
        await self._let_sleep(user_uri, known.values(), bindings, now)
        gruus = self._gruus if _knows_gruu(request) else None
        fields = [("Contact", _shown(one, now) + _gruus_of(one, gruus)) for one in bindings]
        if "path" in request.tokens("Supported"):
            fields += [("Path", value) for value in request.values("Path")]
        if any(one.reg_id for one in wanted):  # other phones of the user may not know it
            fields.append(("Require", "outbound"))
        if registers_as_lync(request):  # which looks for it nowhere else
            longest = max((one.expires_s for one in wanted), default=0)
            fields.append(("Expires", str(min(longest, self._settings.max_expires_s))))
        for contact in wanted:
            if self._devices is not None and contact.expires_s and asks(contact.uri):
                fields += capabilities(contact.uri)
        incoming.respond(200, fields)

    async def _keep_awake(
        self, user_uri: str, woken: list[tuple["_Contact", Device | None]], now: float
    ) -> None:
        """Phones that say how they are woken are, until they sign out (RFC 8599)."""
        for contact, device in woken:
            if device is None or self._devices is None:
                continue
            if contact.expires_s and not self._devices.is_fresh(user_uri, device, now):
                await self._devices.subscribe(user_uri, device, contact.instance, now)
            elif not contact.expires_s:
                await self._devices.unsubscribe(user_uri, device, now)

    async def _let_sleep(
        self, user_uri: str, before: Iterable[Binding], after: Iterable[Binding], now: float
    ) -> None:
        """A phone that ends its binding, or registers with another token or without one, is not
        woken by the one that it had."""
        if self._devices is None:
            return
        wanted = {device.key for one in after if (device := device_kept(one.contact)) is not None}
        for binding in before:
            device = device_kept(binding.contact)
            if device is not None and device.key not in wanted:
                await self._devices.unsubscribe(user_uri, device, now)

    def flow_of(self, binding: Binding) -> Flow | None:
        """The connection over which a phone can be reached, None where it has to be opened."""
        return self._flows.get((binding.user_uri, binding.id))

    def address(self, request: Request, binding: Binding) -> list[Flow | Target]:
        """Make `request` one to a phone, and say how it gets there (RFC 3261 section 16.5): over
        the connection that it keeps open (RFC 5626 section 5.3), if there is one.

        None where the phone was behind a connection that is gone, and can be reached by no other.
        """
        request.uri = binding.contact
        if binding.path:
            request.set("Route", *split_values(binding.path))
        flow = self.flow_of(binding)
        if flow is not None:
            return [flow]
        try:
            return ways_of(request)
        except UnknownScheme:
            return []

    def ways(self, request: Request, phone: Phone) -> Sequence[Way]:
        """Make `request` one to a phone, and say how it gets there: over one of its flows after
        the other (RFC 5626 section 5.3), those first that are known to be there."""
        if len(phone) == 1:
            return self.address(request, phone[0])
        there = sorted(phone, key=lambda one: self.flow_of(one) is None and not one.path)
        ways = [PhoneFlow(partial(self._over, one.user_uri, one.id)) for one in there]
        ways[0].address(request)
        return ways

    def _over(self, user_uri: str, binding_id: str, request: Request) -> list[Flow | Target]:
        """Make `request` one by a binding, if there still is one."""
        for one in self._bindings.of(user_uri, self._epoch()):
            if one.id == binding_id:
                return self.address(request, one)
        return []

    def phone(self, named: NamedPhone) -> Phone:
        """The flows of a phone that a GRUU names, none where it is not registered."""
        return () if self._gruus is None else self._gruus.bindings_of(named)

    def onward(self, request: Request, ways: Sequence[Way]) -> Sequence[Way]:
        """The ways of a request of ours; one to a GRUU, which a phone gives as its Contact, becomes
        one to where the phone is by now (RFC 5627 section 6.1)."""
        if self._gruus is None or f";{GR}" not in request.uri:
            return ways
        try:
            named = self._gruus.find(parse_uri(request.uri))
        except SipRefusal:  # it has signed out and may still be where it was
            return ways
        phone = self.phone(named) if named is not None else ()
        if not phone:
            return ways
        if "Route" in request.fields and not any(one.path for one in phone):
            request.uri = phone[0].contact
            return ways
        address = self.ways(request, phone)
        known = [self.flow_of(one) for one in phone]
        flows = [one for one in ways if not isinstance(one, Target | PhoneFlow)]
        return [*address, *(one for one in flows if one not in known)]

    def broken(self, flow: Flow) -> None:
        """A connection is gone: phones behind it are reached some other way, or not."""
        self._admission.broken(flow)
        for key in [key for key, one in self._flows.items() if one is flow]:
            del self._flows[key]

    def _registrant(self, incoming: Incoming, record: SipUri) -> str:
        """The URI of the user whose bindings may be changed.  Raises SipRefusal."""
        if self._admission.trusts(incoming.flow):
            user = self._users.find(record.aor)
            if user is None or not user.enabled:
                raise SipRefusal(404)
            return user.uri
        user = self._admission.registrant(incoming, record.host)
        if user.uri != record.aor:
            raise SipRefusal(403, "Forbidden: another user's registration")
        return user.uri

    def _contacts(self, request: Request, record: SipUri) -> list["_Contact"] | None:
        """What the request binds; None for "*", which ends all.  Raises SipRefusal, Malformed.

        A user's own address or GRUU leads here again (RFC 5627 section 5.1: 403).
        """
        values = request.values("Contact")
        expires = request.first("Expires")
        if "*" in values:
            if len(values) > 1 or expires is None or seconds(expires) != 0:
                raise Malformed("a Contact of * that does not stand alone with Expires: 0")
            return None
        default = DEFAULT_EXPIRES_S if expires is None else seconds(expires)
        contacts = [_contact(value, default) for value in values]
        for contact in contacts:
            own = contact.uri.equivalent(record.bare())
            if own or (self._gruus is not None and self._gruus.is_one(contact.uri)):
                raise SipRefusal(403, "Forbidden: a Contact that leads to the registrar")
            if 0 < contact.expires_s < self._settings.min_expires_s:
                least = str(self._settings.min_expires_s)
                raise SipRefusal(423, fields={"Min-Expires": [least]})
        return contacts

    def _decide(
        self,
        request: Request,
        user_uri: str,
        contacts: list["_Contact"],
        live: Mapping[str, Binding],
        now: float,
    ) -> Registering:
        """RFC 3261 section 10.3 step 7: all contacts of the request, or none."""
        path = ", ".join(request.values("Path"))
        if not storable(path):
            raise Malformed("a Path that cannot be kept")
        saved: dict[str, Binding] = {}
        removed: list[str] = []
        for contact in contacts:
            earlier = _same(contact, live.values())
            if earlier is not None:
                _check_order(request, [earlier])
            if not contact.expires_s:
                removed += [] if earlier is None else [earlier.id]
                continue
            lifetime_s = min(contact.expires_s, self._settings.max_expires_s)
            binding = Binding(
                user_uri=user_uri,
                id=secrets.token_hex(8) if earlier is None else earlier.id,
                contact=str(contact.uri),
                call_id=request.call_id,
                cseq=request.cseq.number,
                registered_at=now,
                expires_at=now + lifetime_s,
                instance=contact.instance,
                reg_id=contact.reg_id,
                path=path,
                user_agent=readable(request.first("User-Agent") or "")[:MAX_USER_AGENT],
                handle=_handle(request, contact, [*live.values(), *saved.values()]),
            )
            saved[binding.id] = binding
        count = len({*live, *saved} - set(removed))
        if count > self._settings.contacts_per_user:
            raise SipRefusal(403, "Forbidden: too many phones")
        return Registering(list(saved.values()), removed)

    def _keep_flows(
        self,
        incoming: Incoming,
        user_uri: str,
        contacts: list["_Contact"],
        bindings: list[Binding],
        known: Container[str],
    ) -> None:
        """The phone can be reached over the flow it has just used, unless a proxy is between.

        `known` are the ids of the bindings that there were.
        """
        live = {(one.user_uri, one.id) for one in bindings}
        for key in [key for key in self._flows if key[0] == user_uri and key not in live]:
            del self._flows[key]
        if "Path" in incoming.request.fields or self._admission.trusts(incoming.flow):
            return
        for contact in contacts:
            binding = _same(contact, bindings)
            if binding is not None:
                self._keep_flow(incoming, binding, known)
                self._admission.vouch(incoming.flow, user_uri, binding.expires_at)

    def _keep_flow(self, incoming: Incoming, binding: Binding, known: Container[str]) -> None:
        """A phone that comes back over another flow has slept, or was elsewhere: what was sent over
        the one before does not arrive any more, and it rings for what rings its user now."""
        key = binding.user_uri, binding.id
        before = self._flows.get(key)
        if before is incoming.flow:
            return
        self._flows[key] = incoming.flow
        if before is not None and before not in self._flows.values():
            incoming.core.broken(before)
            before.close()
        if binding.id in known:
            self._bindings.came_back(binding.user_uri)


@attrs.frozen(slots=True)
class _Contact:
    """One Contact of a REGISTER."""

    uri: SipUri
    expires_s: int
    instance: str
    reg_id: int


def _contact(value: str, default_s: int) -> _Contact:
    """Raises Malformed."""
    address = NameAddr.parse(value)
    expires = address.parameters.get("expires")
    instance = unquote(address.parameters.get("+sip.instance") or "")
    reg_id = address.parameters.get("reg-id")
    if len(instance) > MAX_INSTANCE or not storable(instance):
        raise Malformed("a +sip.instance that cannot be kept")
    return _Contact(
        uri=address.sip,
        expires_s=default_s if expires is None else seconds(expires),
        instance=instance,
        reg_id=number(reg_id, MAX_REG_ID) if reg_id and instance else 0,
    )


def _same(contact: _Contact, bindings: Iterable[Binding]) -> Binding | None:
    """The binding that a contact is about: the same flow of the same phone, or the same URI."""
    for binding in bindings:
        if contact.instance and binding.instance:
            if (contact.instance, contact.reg_id) == (binding.instance, binding.reg_id):
                return binding
        elif contact.uri.equivalent(parse_sip_uri(binding.contact)):
            return binding
    return None


def _check_order(request: Request, bindings: Iterable[Binding]) -> None:
    """A request that is older than the one that made the binding changes nothing (500)."""
    for binding in bindings:
        if binding.call_id == request.call_id and binding.cseq >= request.cseq.number:
            raise SipRefusal(500, "Out Of Order")


def _knows_gruu(request: Request) -> bool:
    return "gruu" in request.tokens("Supported") | request.tokens("Require")


def _handle(request: Request, contact: _Contact, bindings: Iterable[Binding]) -> str:
    """What stands for the phone in temporary GRUUs: the same for as long as one of its flows goes
    on with the same Call-ID (RFC 5627 section 5.1)."""
    instance = plain_instance(contact.instance)
    if not instance:
        return ""
    for binding in bindings:
        same = plain_instance(binding.instance) == instance
        if same and binding.call_id == request.call_id and binding.handle:
            return binding.handle
    return new_handle() if _knows_gruu(request) else ""


def _gruus_of(binding: Binding, gruus: Gruus | None) -> str:
    """The parameters of a Contact that tell a phone its GRUUs."""
    public, temporary = ("", "") if gruus is None else gruus.of(binding)
    text = f";pub-gruu={quote(public)}" if public else ""
    return text + (f";temp-gruu={quote(temporary)}" if temporary else "")


def _shown(binding: Binding, now: float) -> str:
    """A binding as Contact of the answer."""
    expires = max(round(binding.expires_at - now), 1)
    text = f"<{binding.contact}>;expires={expires}"
    if binding.instance:
        text += f";+sip.instance={quote(binding.instance)}"
    if binding.reg_id:
        text += f";reg-id={binding.reg_id}"
    return text
