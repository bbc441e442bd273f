"""The data plane: accepts, connects and moves bytes. It knows gates and links, no ports, services or rules."""
