"""Holding commands: what the kernel enforces, by which backend, and the proof that it does."""
