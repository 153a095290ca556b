"""A world with a telephone network in memory and a gateway to everywhere."""

import attrs
from twisted.internet.defer import Deferred

from mobility.domain.applications import Endpoint
from mobility.domain.descriptions import AUDIO, Description, Stream
from mobility.domain.ledger import Committed
from mobility.domain.phone_audio import PhoneCall
from mobility.domain.records import Invitation
from mobility.domain.registration import Availability
from mobility.domain.telephone import TelephoneNetwork
from mobility.domain.telephony import Telephony, telephony
from mobility.testing import MemoryTelephone, MemoryTelephones
from tests.domain.doubles import Bounds, MemoryLedger, World, done, running, uri

WORK = {name: f"+142555501{place:02}" for place, name in enumerate(("alice", "bob", "carol"), 1)}
"""Work numbers."""

MOBILE = {name: f"+142555502{place:02}" for place, name in enumerate(("alice", "bob", "carol"), 1)}
"""The telephones that people carry."""

OUTSIDE = "+4930123456"


class PlainFitting:
    """Fits descriptions whose text is any: the streams alone are put in their places."""

    def in_place(self, layout: str, own: Description, said: str) -> Description:
        """Of texts like `offer+video` the part after the first word names the other streams."""
        others = layout.split("+")[1:]
        closed = tuple(Stream(name.capitalize(), "RTP/AVP", open=False) for name in others)
        text = "+".join((own.text.partition("+")[0], *others))
        return Description(text, (*own.streams, *closed)) if others else own

    def silent(self, description: Description) -> Description:
        return description

    def audio_alone(self, description: str) -> str:
        return description.partition("+")[0]


class PhoneWorld(World):
    """Alice, Bob and Carol with work and mobile numbers, all but Carol with Enterprise Voice."""

    telephony: Telephony | None = None

    def __init__(
        self,
        *,
        ledger: MemoryLedger | None = None,
        now: float | None = None,
        network: TelephoneNetwork | None = None,
    ) -> None:
        """`network` is another telephone network than one in memory."""
        first = ledger is None
        names = ("alice", "bob", "carol") if first else ()
        bounds = Bounds(conversations=10)
        if now is None:
            super().__init__(*names, ledger=ledger, bounds=bounds)
        else:
            super().__init__(*names, ledger=ledger, bounds=bounds, now=now)
        self.network = MemoryTelephones()
        self.telephony = self.phones = telephony(
            network or self.network,
            self.agenda,
            self.users,
            self.voice,
            self.mobility_policies,
            self.delegates,
            self.applications,
            self.conversations,
            self.calls,
            self.forwarding.destinations,
            PlainFitting(),
        )
        self.calls.stages.load()  # now that numbers can be called
        if first:
            self._set_up()

    def _set_up(self) -> None:
        for name in ("alice", "bob", "carol"):
            done(
                running(
                    self.users.update(
                        uri(name),
                        lambda user, name=name: attrs.evolve(
                            user,
                            work_phone=WORK[name],
                            mobile_phone=MOBILE[name],
                            enterprise_voice=name != "carol",
                        ),
                        self.now,
                    )
                )
            )
        add = self.voice.add
        done(running(add("usages", "All", {})))
        done(running(add("gateways", "gw.test", {})))
        values = {"number_pattern": r"^\+", "usages": ["All"], "gateways": ["gw.test"]}
        done(running(add("routes", "R", values)))
        done(running(self.voice.change("policies", "global", {"usages": ["All"]}, 0)))

    def _heard(self, committed: Committed) -> None:
        super()._heard(committed)
        if self.telephony is not None:
            self.telephony.committed(committed)

    def restarted(self) -> "PhoneWorld":
        return PhoneWorld(ledger=self.ledger.reopened(), now=self.now)

    def device(
        self,
        name: str,
        device: str = "phone",
        modalities: tuple[str, ...] = ("Messaging", AUDIO, "PhoneAudio"),
        *,
        by_phone: bool = False,
        number: str = "",
    ) -> Endpoint:
        """An application of `name`; `by_phone` that prefers its telephone."""
        endpoint = self.sign_in(name, device, available=False)
        chosen = Availability(
            modalities,
            audio_preference="PhoneAudio" if by_phone else "VoipAudio",
            phone_number=number or MOBILE[name],
        )
        done(running(self.applications.make_available(endpoint, chosen, self.now)))
        self.told(endpoint)
        return endpoint

    def settle(self) -> None:
        """What was begun goes on as far as it can without time passing."""
        while due := self.agenda.due(self.now):
            for action in due:
                running(action(self.now)).addErrback(self._failed, action)

    def phone(self, endpoint: Endpoint, to: str = OUTSIDE, **more: str) -> Deferred[Invitation]:
        """startPhoneAudio."""
        wanted = PhoneCall(to, **more)
        return running(self.phones.phone_audio.start(endpoint, wanted, self.now))

    def telephone(self, number: str) -> MemoryTelephone:
        """The latest leg to a number."""
        return self.network.to(number)

    def lets(self, number: str, happens: str, *description: object) -> None:
        """Let something happen at a telephone, and all that follows from it."""
        getattr(self.telephone(number), happens)(*description)
        self.settle()

    @property
    def live(self) -> list[str]:
        """The numbers of the telephones that ring or talk, in the order they were called."""
        return [one.order.number for one in self.network.placed if one.state != "over"]
