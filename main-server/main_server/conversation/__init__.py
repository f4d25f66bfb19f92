"""The heart: sessions, turns, replies, playback, history. Standard library and contracts only."""
