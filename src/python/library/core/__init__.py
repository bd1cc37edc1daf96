"""What extensions written in Python import from Luna (specification 7.2)."""
