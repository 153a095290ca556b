"""Pictures: read from anybody, made small and plain, in threads."""
