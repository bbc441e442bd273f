"""What is wrong in C, a file for each thing that goes wrong; a rule takes a file's tokens and yields remarks.

Never decides which remark a line gets, and never spares a test: that is the reader's.
"""
