"""The subcommands of `mobility`, one module each."""
