"""Devices that can be woken by a push notification."""

from typing import ClassVar

import attrs


@attrs.frozen(slots=True)
class PushSubscription:
    """How one device of a user is reached while nothing of it is connected.

    `platform` is apns, fcm, webpush, unifiedpush or wns.  `address` is the provider's token or the
    URL it gave out, `voip_token` the one by which APNs lets an app ring, `p256dh` and `auth` the
    keys of a Web Push subscription in base64url (RFC 8291).  `app_id` names the app with its
    provider, `environment` is production or sandbox.  `endpoint_id` is that of the applications the
    device registers.  `renewed_at` is when the app gave `address` last, which tells whether it did
    so after its provider had found it dead; use of the device moves `expires_at` alone.  `collapse`
    says which pending notifications one replaces.  Between `quiet_from` and `quiet_until` (HH:MM by
    the clocks of `time_zone`; "" for never) the device is not to be disturbed.
    """

    KEY: ClassVar = ("user_uri", "id")
    user_uri: str
    id: str
    platform: str
    app_id: str
    address: str = attrs.field(repr=False)
    created_at: float
    renewed_at: float
    expires_at: float
    p256dh: str = attrs.field(repr=False, default="")
    auth: str = attrs.field(repr=False, default="")
    environment: str = "production"
    endpoint_id: str = ""
    device_name: str = attrs.field(repr=False, default="")
    collapse: str = "conversation"
    quiet_from: str = ""
    quiet_until: str = ""
    time_zone: str = ""
    voip_token: str = attrs.field(repr=False, default="")
