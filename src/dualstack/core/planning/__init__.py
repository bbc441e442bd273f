"""Decides which sockets a configuration opens and what stands in their way; never opens one, and leaves to the oracle
what kernels do.
"""
