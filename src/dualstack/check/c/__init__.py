"""C to remarks: its tokens, its blocks and calls, and the rules that look at both.

Never runs a preprocessor or compiler, and never reads a header that is included.
"""
