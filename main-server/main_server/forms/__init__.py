"""What each engine asks of a provider: fields with names in both languages, whole chains, prices. Plain values."""
