"""Tables of the webhook inbox, their migrations and transactions."""
