"""The named bounds of the HTTP layer.  All but those of `[web]` in the configuration are fixed.

Slow clients are judged as Apache's mod_reqtimeout judges them (408 and close); a request that is
one byte over a size is refused before the rest of it is read.
"""

REQUEST_LINE_BYTES = 8 * 1024
"""The request line without its CRLF; longer is 414 (RFC 9112 section 3 asks for 8,000 at least)."""

HEADER_BYTES = 64 * 1024
"""All field lines with their CRLFs; more is 431."""

HEADER_FIELDS = 100
"""Field lines; more is 431."""

QUERY_FIELDS = 100
"""Parameters in a query; more is 400."""

PATH_SEGMENTS = 64
"""Segments of a path; more is 400."""

CHUNK_LINE_BYTES = 256
"""A chunk's size line with its extension (RFC 9112 section 7.1); longer is 400."""

TRAILER_BYTES = 8 * 1024
"""All trailer lines of a chunked body, which are read and dropped; more is 431."""

REFUSED_BODY_BYTES = 64 * 1024
"""The body of a request that is refused for its head (404, 401) is read and dropped up to this
size, to keep the connection; a larger one is answered at once and the connection closed."""

MENDED_JSON_BYTES = 64 * 1024
"""A JSON body up to this size may have trailing commas (the sample of UCWA "Create an
application" has one)."""

TEXT_CHARACTERS = 1024
"""A text value whose documented length is not given."""

LIST_ITEMS = 100
"""Items of a list value whose documented number is not given."""

DATA_LINK_BYTES = 64 * 1024
"""The decoded content of a data link, unless its operation says otherwise."""

JSON_DEPTH = 64
"""Arrays and objects inside one another; deeper is 400 DeserializationFailure."""

HANDSHAKE_S = 10.0
"""From the connection to the end of the TLS handshake; then the connection is cut."""

BODY_BYTES_PER_S = 500
"""What a body must come at once `body_timeout_s` is over; slower is 408."""

PIPELINED_BYTES = 16 * 1024
"""What is held of later requests while one is answered; then reading pauses."""

PIPELINED_REQUESTS = 100
"""Answered in one turn of the reactor; the rest waits for the next turn."""

SEND_PIECE_BYTES = 64 * 1024
"""An answer larger than this is handed to the transport piece by piece, as the peer reads it, and
no other request is begun before, so never more than one answer is unsent."""

SEND_STALL_S = 30.0
"""A peer that takes no piece for so long, or does not let go of a closed connection, is cut."""

LINGER_S = 2.0
"""After a refusal sent before the whole request was read, the rest is read and dropped for so
long, so that the answer is not lost in a TCP reset (RFC 9112 section 9.6)."""

SWEEP_S = 1.0
"""How often the waits of all connections are looked at: a wait ends at most this much late."""

SURPLUS_CONNECTIONS = 128
"""Connections over the configured number that are still told 503; beyond, they are just closed.  At
most a quarter of all descriptors."""

OPERATOR_CONNECTIONS = 32
"""Connections beyond all these that the operator's listener serves (our choice), so that the
measurements can be read when they matter most.  At most a sixteenth of all descriptors."""

DESCRIPTOR_RESERVE = 256
"""Descriptors kept for other than the HTTP connections that are served, when `max_connections` is
0; at most three quarters of all."""

NEGOTIATED = 256
"""Accept header texts whose meaning is remembered."""
