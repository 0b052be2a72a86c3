"""The Textual face: small widgets over a session and its events."""
