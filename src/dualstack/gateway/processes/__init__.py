"""Several processes as one gateway, before, beside and after each other: activation, workers, upgrades."""
