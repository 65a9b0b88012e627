"""What Damstra tells of by itself: its webhooks."""
