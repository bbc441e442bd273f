"""Decides what a kernel does with sockets on one port: who may bind, who receives; never plans, and never asks a
kernel.
"""
