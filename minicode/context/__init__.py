"""What M2 is asked with, made from the journal: pure."""
