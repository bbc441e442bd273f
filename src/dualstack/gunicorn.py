"""Sockets of both families for a gunicorn.conf.py."""

from dualstack.net.adapters.gunicorn import gunicorn_bind

__all__ = ["gunicorn_bind"]
