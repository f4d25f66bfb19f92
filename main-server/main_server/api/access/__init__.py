"""Who calls, whether they may, and how fast."""
