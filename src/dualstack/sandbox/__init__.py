"""A program in a network of its own, whose connections the connector makes: `dualstack run`; never relays itself."""
