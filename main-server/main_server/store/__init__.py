"""What lasts: accounts, devices, roles, conversations and turns in SQLite or PostgreSQL. Imports contracts only."""
