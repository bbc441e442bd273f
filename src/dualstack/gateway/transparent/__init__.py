"""Clients that were told of no proxy: their first packets, answers in another's name; nothing is accepted undialled."""
