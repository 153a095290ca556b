"""Sign-in: passwords, grants, tokens, lockout, the web ticket endpoint and its challenge."""
