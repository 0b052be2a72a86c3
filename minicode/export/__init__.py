"""Carrying a session away: as Markdown, as a page, as JSON, as its own records, as an ATIF trajectory."""
