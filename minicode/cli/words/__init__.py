"""What each slash word does, a file for each thing they are about."""
