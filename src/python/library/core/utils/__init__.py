"""What extensions written in Python import from Luna: the database, keys of services, other extensions, a model."""
