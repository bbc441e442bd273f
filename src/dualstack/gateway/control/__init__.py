"""Changing a gateway that runs: the control socket, who speaks to it, and Domino's words for it."""
