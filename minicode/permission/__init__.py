"""May this call run? Pure: parsed commands, rules and modes in, a decision out."""
