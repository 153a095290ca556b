"""What the options of commands about settings say of themselves, by the name of the setting."""

HELP = {
    # of any kind
    "description": "A remark for administrators.",
    "usages": "PSTN usages.",
    # gateways
    "port": "Where the gateway listens.",
    "transport": "tls or tcp.",
    "enabled": "Whether calls are routed there.",
    "account": "The [[sip.account]] that answers the gateway's challenges.",
    "foreign_caller_ids": "Whether it takes numbers of nobody here as the caller's.",
    # voice routes
    "number_pattern": "A regular expression of the numbers in E.164 that it leads to.",
    "priority": "The lowest comes first.",
    "gateways": "Gateways, tried until one takes the call.",
    "suppress_caller_id": "Do not show the caller's number.",
    "alternate_caller_id": "Shown in its place where that is suppressed.",
    # voice policies
    "allow_call_forwarding": "Calls may be forwarded.",
    "allow_simul_ring": "Another telephone may ring beside.",
    "enable_call_transfer": "Calls may be transferred.",
    "enable_delegation": "Delegates may take and place calls.",
    "enable_team_call": "A team may be rung.",
    "call_forwarding_simul_ring_usage_type": (
        "Where forwarded calls may go: VoicePolicyUsage, InternalOnly or CustomUsage."
    ),
    "custom_call_forwarding_simul_ring_usages": "PSTN usages of CustomUsage.",
    "enable_voicemail_escape_timer": "Tell a carrier's voicemail by how soon it answers.",
    "pstn_voicemail_escape_timer": "Milliseconds within which an answer is such a voicemail's.",
    # normalisation rules
    "pattern": "A regular expression of what is dialled.",
    "translation": "What it becomes; $1 is the first group.",
    "is_internal_extension": "The result is an extension inside.",
    # emergency numbers
    "masks": "Other numbers that people dial for it.",
    "usage": "The PSTN usage that is tried first.",
    # mobility policies
    "enable_mobility": "Applications on phones and tablets may sign in.",
    "enable_outside_voice": "Call via work.",
    "enable_ip_audio_video": "Calls over IP.",
    "require_wifi_for_ip_audio": "Audio over IP only on Wi-Fi.",
    "require_wifi_for_ip_video": "Video only on Wi-Fi.",
    "require_wifi_for_sharing": "Sharing only on Wi-Fi.",
    "allow_save_call_logs": "Clients may keep call logs.",
    "allow_exchange_connectivity": "Clients may use Exchange.",
    "allow_save_im_history": "Clients may keep the history of messages.",
    "allow_save_credentials": "Clients may keep the password.",
    "allow_customer_experience_improvement_program": "Clients may send usage data.",
    "allow_device_contacts_sync": "Clients may write into the device's contacts.",
    "enable_push_notifications": "Sleeping devices are woken.",
    "encrypt_app_data": "Clients are to encrypt what they keep.",
    "voice_settings": "Voice settings that clients read.",
    "require_intune": "Clients must be managed by Intune.",
    "allow_automatic_pstn_fallback": "Clients may fall back to the telephone.",
}
