"""Laws are about what holds, not about how busy the machine is: no deadline for one example."""

from hypothesis import settings

settings.register_profile("laws", deadline=None)
settings.load_profile("laws")
