"""The only floor that creates sockets or reads /proc and netlink; never decides what to do with them."""
