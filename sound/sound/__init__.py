"""Sound in Python: Opus, resampling, wav, level. Imported by every program; imports nothing of ours but contracts."""
