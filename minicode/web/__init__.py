"""Reading the web for the model: what may be reached, fetched, made readable, picked from and searched."""
