"""Changes a gateway that runs: the control socket, who speaks to it, Domino's words; never touches a connection."""
