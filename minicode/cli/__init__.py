"""The command line: parse, call `start`, pick a face, end with the right code."""
