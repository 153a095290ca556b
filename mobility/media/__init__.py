"""Session descriptions (SDP), which UCWA and SIP both carry."""
