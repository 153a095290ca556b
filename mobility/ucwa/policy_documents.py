"""The document of `policies`: what this front end does, and what a user's mobility policy says."""

from mobility.domain.mobility_policy import MobilityPolicy
from mobility.http.message import Document
from mobility.ucwa.documents import links
from mobility.ucwa.hrefs import Hrefs

FIXED: Document = {
    "emoticons": "Enabled",
    "exchangeUnifiedMessaging": "Disabled",
    "logging": "Disabled",
    "loggingLevel": "Off",
    "messageArchiving": "Disabled",
    "messagingUrls": "Enabled",
    "multiViewJoin": "Disabled",
    "photos": "Enabled",
}
"""What is the same for everybody."""

ENTERPRISE_VOICE_MODE, NO_TELEPHONY = "AudioVideo", "None"
"""telephonyMode of who may call telephones, and of who may not (UCWA rel `policies`)."""


def policies(hrefs: Hrefs, policy: MobilityPolicy, *, html: bool, voice: bool) -> Document:
    """`html` says that messages may be in HTML, `voice` that the user has Enterprise Voice."""
    switches = {
        "allowDeviceContactsSync": policy.allow_device_contacts_sync,
        "audioOnlyOnWifi": policy.require_wifi_for_ip_audio,
        "clientExchangeConnectivity": policy.allow_exchange_connectivity,
        "customerExperienceImprovementProgram": (
            policy.allow_customer_experience_improvement_program
        ),
        "encryptAppData": policy.encrypt_app_data,
        "htmlMessaging": html,
        "saveCallLogs": policy.allow_save_call_logs,
        "saveCredentials": policy.allow_save_credentials,
        "saveMessagingHistory": policy.allow_save_im_history,
        "sharingOnlyOnWifi": policy.require_wifi_for_sharing,
        "videoOnlyOnWifi": policy.require_wifi_for_ip_video,
    }
    return {
        "rel": "policies",
        **FIXED,
        **{name: "Enabled" if on else "Disabled" for name, on in switches.items()},
        "telephonyMode": ENTERPRISE_VOICE_MODE if voice else NO_TELEPHONY,
        "_links": links(self=hrefs.of("policies")),
    }
