"""The door of online meetings: what a join URL opens, in a browser or for a client."""
