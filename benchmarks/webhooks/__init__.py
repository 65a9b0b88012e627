"""Whether the receiver's answers tell a stranger anything by their time."""
