"""From the packets of a talk to files and rows: off the hot path, bounded, and never at a turn's cost."""
