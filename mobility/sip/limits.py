"""Bounds of the SIP side that are not settings, each with its source."""

HANDSHAKE_S = 20.0
"""A TLS handshake must be done by then (our choice, as for HTTP)."""

MESSAGE_S = 32.0
"""A message that has begun must be whole by then (64*T1, RFC 3261 section 17.1.1.2)."""

IDLE_S = 1_800.0
"""A connection on which nothing comes is closed then, pings being something (our choice; RFC 5626
section 4.4.1 has clients ping every 95 to 120 seconds)."""

SWEEP_S = 5.0
"""How often connections are looked at for these (our choice)."""

MAX_UNSENT_BYTES = 1024 * 1024
"""What may wait for a peer that does not read; a connection with more is cut (our choice)."""

CLOSING_S = 5.0
"""How long a connection that is being closed may take to send what is left (our choice)."""

BUSY_RETRY_S = 10
"""Retry-After of a 503 for too many requests or transactions (our choice)."""

CONNECT_S = 5.0
"""How long a connection that is opened from here may take (our choice)."""

BACK_OFF_S = 1.0
"""How long nobody connects to an address that could not be connected to; twice as long after each
failure (our choice)."""

BACK_OFF_MAX_S = 60.0
"""And at most so long (our choice)."""

MAX_OUTGOING = 1_000
"""Connections that are opened from here (our choice: SIP servers, not phones)."""

ATTEMPT_S = 4.0
"""How long a target may be silent while there is another one (our choice: four requests over UDP
have been sent by then)."""

MAX_WAYS = 16
"""Targets of one request that are tried (our choice)."""
