"""The organisation's directory: users and groups replicated over LDAP, and sign-in by its bind."""
