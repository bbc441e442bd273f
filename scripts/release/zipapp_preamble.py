"""Run by the zipapp before the program: the Pythons that it starts import from where it was unpacked, too."""

from dualstack.kernel.ourselves import import_from

import_from(str(site_packages))  # noqa: F821 - shiv gives it
