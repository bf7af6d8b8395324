"""Alembic migrations; `moderation.records.schema` runs them when a database is opened."""
