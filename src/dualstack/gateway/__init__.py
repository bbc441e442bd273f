"""The gateway: services on named ports, relayed while they stop, start and reload; never a rule of a kernel's."""
