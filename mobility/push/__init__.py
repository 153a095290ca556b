"""Push notifications: what a front end says to a clearing house, and how."""
