"""`make release`: all that a release consists of, in dist/, byte for byte the same on a second build.

Wheel and sdist by hatchling; `dualstack.pyz` by shiv; a Debian package by dpkg-deb; SHA256SUMS; an SBOM by CycloneDX.
"""
