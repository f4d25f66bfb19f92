"""What lasts: devices, conversations and turns in SQLite or PostgreSQL. Imports contracts only."""
