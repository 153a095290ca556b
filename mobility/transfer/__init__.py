"""The configuration that lives in the store as one document: written whole, and taken in whole."""
