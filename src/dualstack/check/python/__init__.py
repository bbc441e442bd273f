"""Python to remarks: its syntax tree, what its names stand for, and the rules that look at both.

Never runs or imports what it reads, and never looks outside of the one file.
"""
