"""Findings as others read them: a diff, SARIF, the page of all kinds.

Never finds anything, and never writes a file.
"""
