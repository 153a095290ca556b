"""Notifications on their way to devices, and the switches that allow them."""

from typing import ClassVar

import attrs


@attrs.frozen(slots=True)
class PushNotice:
    """One notification for one device: a row of the outbox.

    `id` tells it from all others wherever it goes, so that it is shown once however often it is
    sent.  `kind` is what it says (`mobility.domain.push_rules`), `topic` what it replaces on the
    device, `cause` the conversation, invitation or log it is about.  A message notification stands
    for the messages `first` to `number` of `conversation_id`, the last of them from `from_uri`.

    `state` is "waiting" until the clearing house has it, "accepted" until a provider has it, then
    "sent"; "ended" is one of which nothing is to be done any more, and `reason` says why.  It is
    sent at `due_at` and not after `expires_at`.  `handed_at` is when the clearing house took it, 0
    before, after so many `attempts` in vain; and `changed_at` when its state last changed.  `rule`
    says what decided that it is sent.

    `answered_at` is when the provider's last word on it was heard, 0 before: `answer` in its own
    words, and whether it has `taken` the notification.
    """

    KEY: ClassVar = ("id",)
    id: str
    user_uri: str
    subscription_id: str
    kind: str
    topic: str
    cause: str
    created_at: float
    due_at: float
    expires_at: float
    changed_at: float
    conversation_id: str = ""
    first: int = 0
    number: int = 0
    from_uri: str = ""
    state: str = "waiting"
    reason: str = ""
    rule: str = ""
    handed_at: float = 0.0
    attempts: int = 0
    answered_at: float = 0.0
    answer: str = ""
    taken: bool = False


@attrs.frozen(slots=True)
class PushSwitch:
    """Whether devices of a platform may be woken; `scope` is "global" or "site:NAME"."""

    KEY: ClassVar = ("scope", "platform")
    scope: str
    platform: str
    enabled: bool


@attrs.frozen(slots=True)
class PushCursor:
    """Up to which of its verdicts a clearing house has been heard.

    `house` is its URL; `after` counts within its `stream`.
    """

    KEY: ClassVar = ("house",)
    house: str
    stream: str
    after: int
