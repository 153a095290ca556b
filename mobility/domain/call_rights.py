"""Tells applications what calls their users may make and take, when that changes."""

from collections.abc import Awaitable, Callable

from mobility.domain.applications import Applications, Endpoint
from mobility.domain.call import call_fact
from mobility.domain.call_policy import CallPolicies, CallPolicy
from mobility.domain.conversation import CONFERENCED
from mobility.domain.conversations import Conversations
from mobility.domain.facts import CommunicationChanged, ConversationChanged
from mobility.domain.ledger import Ledger, Unit
from mobility.domain.records import User


class CallRights:
    """Which calls are possible follows from policies, users and what a client is connected by."""

    def __init__(
        self,
        ledger: Ledger,
        applications: Applications,
        conversations: Conversations,
        policies: CallPolicies,
    ) -> None:
        self._ledger = ledger
        self._applications = applications
        self._conversations = conversations
        self._policies = policies

    def watch(self) -> Callable[[], Awaitable[None]]:
        """A `Watcher` of voice settings and mobility policies."""
        before = {one.id: self._policies.at(one) for one in self._applications}

        async def tell() -> None:
            unit = Unit()
            for endpoint in self._applications:
                self._tell(unit, endpoint, before.get(endpoint.id), self._policies.at(endpoint))
            if unit:
                await self._ledger.commit(unit)

        return tell

    def follow(self, before: User, after: User, unit: Unit) -> None:
        """A `Change` of a user: Enterprise Voice came or went, or other policies with the site."""
        was, becomes = self._policies.of_user(before), self._policies.of_user(after)
        for endpoint in self._applications.of_user(after.uri):
            bearer = endpoint.record.bearer
            self._tell(unit, endpoint, was.over(bearer), becomes.over(bearer))

    async def connected_by(self, endpoint: Endpoint, bearer: str) -> None:
        """The client says what it is connected by (`BEARERS`)."""
        if endpoint.record.bearer == bearer:
            return
        policy = self._policies.of(endpoint.user_uri)
        was, becomes = policy.over(endpoint.record.bearer), policy.over(bearer)
        await self._applications.set_bearer(
            endpoint, bearer, lambda unit: self._tell(unit, endpoint, was, becomes)
        )

    def _tell(
        self, unit: Unit, endpoint: Endpoint, before: CallPolicy | None, after: CallPolicy
    ) -> None:
        """What shows links by which calls begin has changed."""
        if before is None or _links(before) == _links(after):
            return
        unit.append(endpoint.id, CommunicationChanged())
        for conversation, leg in self._conversations.of(endpoint):
            if leg.state in (CONFERENCED, "Connected"):
                unit.append(endpoint.id, ConversationChanged("updated", conversation.snapshot(leg)))
                unit.append(endpoint.id, call_fact(conversation, leg))


def _links(policy: CallPolicy) -> tuple[bool, ...]:
    return (policy.audio, policy.video, policy.phone, policy.emergency, policy.joins_by_phone)
