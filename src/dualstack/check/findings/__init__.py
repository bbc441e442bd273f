"""What can be found and how it is told: the kinds with their law, a remark on a place, which of them a line gets.

Never looks at a file or at code.
"""
