"""The forward proxy: clients say where to, in streams and in datagrams."""
