"""How fast, and how many at once: `make bench`. Whole processes, stub engines, simulated toys; never a timed test."""
