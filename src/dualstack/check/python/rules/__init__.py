"""What is wrong in Python, a file for each thing that goes wrong; a rule takes the values of a file and yields remarks.

Never decides which remark a line gets, and never spares a test: that is the reader's.
"""
