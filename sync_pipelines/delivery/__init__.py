"""The heart: desired rows → diff → plan (sealed with its guards' verdict) → apply → one outcome per row → undo.

Plain Python over SQLAlchemy Core and DuckDB. Knows no vendor and no orchestrator.
"""
