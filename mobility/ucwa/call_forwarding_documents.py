"""The documents of call forwarding: what a user has set, and what it may choose."""

import uuid
import zlib

from mobility.domain.call_routing import is_number
from mobility.domain.forwarding import CONTACT, NONE, Forwarding
from mobility.domain.records import CallForwarding
from mobility.domain.users import Users
from mobility.http.message import Document
from mobility.ucwa.documents import PUT_TOKEN_VALUE, link, links, tagged
from mobility.ucwa.hrefs import Hrefs

ROOT = "callForwardingSettings"
IMMEDIATE = "immediateForwardSettings"
SIMULTANEOUS = "simultaneousRingSettings"
UNANSWERED = "unansweredCallSettings"


class ForwardingDocuments:
    """Shows the settings of one user to one of its applications."""

    def __init__(self, hrefs: Hrefs, forwarding: Forwarding, users: Users, uri: str) -> None:
        self._hrefs = hrefs
        self._forwarding = forwarding
        self._users = users
        self._choices = forwarding.choices(uri)
        self.settings: CallForwarding = forwarding.of(uri)

    def put_token(self, rel: str) -> str:
        """The GUID property of one of the resources, always the same for a user."""
        return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{self.settings.user_uri};{rel}"))

    def root(self) -> Document:
        settings = self.settings
        off = () if settings.active_setting == NONE else ("turnOffCallForwarding",)
        return tagged(
            {
                self.put_token(ROOT): PUT_TOKEN_VALUE,
                "rel": ROOT,
                "activePeriod": settings.active_period,
                "activeSetting": settings.active_setting,
                "unansweredCallHandling": self._forwarding.unanswered_handling(settings),
                "_links": links(self=self._of(), **{rel: self._of(rel) for rel in off}),
                "_embedded": {
                    IMMEDIATE: self.immediate(),
                    SIMULTANEOUS: self.simultaneous(),
                    UNANSWERED: self.unanswered(),
                },
            }
        )

    def immediate(self) -> Document:
        settings, own = self.settings, self._of(IMMEDIATE)
        actions = (f"immediateForwardTo{target}" for target in self._choices.forward)
        return _tagged(
            {
                "rel": IMMEDIATE,
                "target": settings.forward_target,
                "_links": {
                    **links(self=own),
                    **self._contact(own, settings.forward_target, settings.forward_contact),
                    **links(**{rel: f"{own}/{rel}" for rel in actions}),
                },
            },
            settings.forward_contact,
        )

    def simultaneous(self) -> Document:
        settings, own = self.settings, self._of(SIMULTANEOUS)
        actions = (f"simultaneousRingTo{target}" for target in self._choices.ring)
        return _tagged(
            {
                self.put_token(SIMULTANEOUS): PUT_TOKEN_VALUE,
                "rel": SIMULTANEOUS,
                "ringDelay": settings.ring_delay_s,
                "target": settings.ring_target,
                "_links": {
                    **links(self=own),
                    **self._contact(own, settings.ring_target, settings.ring_contact),
                    **links(**{rel: f"{own}/{rel}" for rel in actions}),
                },
            },
            settings.ring_contact,
        )

    def unanswered(self) -> Document:
        settings, own = self.settings, self._of(UNANSWERED)
        target = self._forwarding.unanswered_target(settings)
        actions = [f"unansweredCallTo{target}" for target in self._choices.unanswered]
        actions.append("resetUnansweredCallSettings")
        return _tagged(
            {
                self.put_token(UNANSWERED): PUT_TOKEN_VALUE,
                "rel": UNANSWERED,
                "ringDelay": settings.unanswered_delay_s,
                "target": target,
                "_links": {
                    **links(self=own),
                    **self._contact(own, target, settings.unanswered_contact),
                    **links(**{rel: f"{own}/{rel}" for rel in actions}),
                },
            },
            settings.unanswered_contact,
        )

    def number(self, rel: str) -> Document | None:
        """The contact of one of the settings, when it is a telephone number."""
        settings = self.settings
        target, contact = {
            IMMEDIATE: (settings.forward_target, settings.forward_contact),
            SIMULTANEOUS: (settings.ring_target, settings.ring_contact),
            UNANSWERED: (settings.unanswered_target, settings.unanswered_contact),
        }[rel]
        if target != CONTACT or not is_number(contact):
            return None
        return tagged(
            {
                "rel": "contact",
                "uri": contact,
                "name": contact.removeprefix("tel:"),
                "type": "Phone",
                "sourceNetwork": "Unknown",
                "_links": links(self=f"{self._of(rel)}/contact"),
            }
        )

    def _of(self, path: str = "") -> str:
        return self._hrefs.of(f"me/{ROOT}/{path}" if path else f"me/{ROOT}")

    def _contact(self, own: str, target: str, contact: str) -> Document:
        """The link to who is chosen: a number has a resource of its own, so that no href holds
        it."""
        if target != CONTACT:
            return {}
        if is_number(contact):
            return {"contact": link(f"{own}/contact")}
        return {"contact": link(self._hrefs.person(contact), self._users.name_of(contact))}


def _tagged(document: Document, contact: str) -> Document:
    """`document` with an `etag` for the contact as well, which it need not name."""
    etag = tagged(document)["etag"]
    document["etag"] = str(zlib.crc32(f"{etag} {contact}".encode()))
    return document
