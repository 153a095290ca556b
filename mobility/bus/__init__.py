"""The event bus: committed facts on their way to whoever renders them."""
