"""The gateway: services on named ports, relayed between the families while they stop, start and reload."""
