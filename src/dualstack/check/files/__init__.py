"""From paths to findings: which files are looked at, read, given to their language, which comments silence them.

Never decides what is wrong in a line, and never writes a file.
"""
