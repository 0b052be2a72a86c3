"""Memory: one append-only file per session, which is the whole truth about it."""
