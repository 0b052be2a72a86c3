"""Speaking to M2: one protocol, three surfaces behind it."""
