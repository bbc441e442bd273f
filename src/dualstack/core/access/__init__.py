"""Decides who may come in and what may be dialled, by rules and rates over addresses; never meets a client or a
socket.
"""
