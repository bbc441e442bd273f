"""Every client reaches every server: listening, connecting and relaying over IPv4 and IPv6."""
