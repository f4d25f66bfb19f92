"""Alembic's scripts: one file per revision in `versions`, run by main_server.store.migrate."""
