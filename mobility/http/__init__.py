"""HTTP/1.1: listeners, the request pipeline, routes, negotiation, limits and the access line."""
