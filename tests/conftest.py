"""For all tests: a drawn case may take its time where other work shares the machine."""

from hypothesis import settings

settings.register_profile("fleet", deadline=None)
settings.load_profile("fleet")
