"""How hypothesis looks for examples: without a deadline, since a busy machine is not a failure."""

from hypothesis import settings

settings.register_profile("calm", deadline=None)
settings.load_profile("calm")
