"""The only floor that creates sockets or reads /proc and netlink."""
