"""Running it: JSON log lines and their catalogue, metrics, health, certificates, operator API."""
