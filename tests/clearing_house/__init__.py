"""The clearing house."""
