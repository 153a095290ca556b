"""The bounds that the `[ucwa]` table of the configuration sets to rooms of the domain."""

from mobility.config import UcwaConfig
from mobility.domain.contacts import ContactLimits
from mobility.domain.conversation_book import ConversationLimits
from mobility.domain.lifetimes import Lifetimes
from mobility.domain.subscriptions import SubscriptionLimits


def lifetimes(ucwa: UcwaConfig) -> Lifetimes:
    return Lifetimes(
        with_events_s=ucwa.idle_expiry_s,
        without_events_s=ucwa.no_events_expiry_s,
        per_user=ucwa.applications_per_user,
        instances=ucwa.instances_per_application,
        with_push_s=ucwa.push_idle_expiry_s,
    )


def subscription_limits(ucwa: UcwaConfig) -> SubscriptionLimits:
    return SubscriptionLimits(
        ucwa.subscriptions_per_application, ucwa.subscribed_contacts_per_application
    )


def conversation_limits(ucwa: UcwaConfig) -> ConversationLimits:
    return ConversationLimits(
        ucwa.invitation_timeout_s, ucwa.typing_timeout_s, ucwa.conversations_per_application
    )


def contact_limits(ucwa: UcwaConfig) -> ContactLimits:
    return ContactLimits(ucwa.contacts_per_user, ucwa.groups_per_user)
