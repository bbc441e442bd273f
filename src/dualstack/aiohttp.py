"""Connections for aiohttp's client, raced; needs aiohttp."""

from dualstack.net.adapters.aiohttp import Connector

__all__ = ["Connector"]
