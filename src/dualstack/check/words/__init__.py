"""What a name or a text says, whatever the language: an address, a host, a pattern, a thing that IPv4 alone has.

Never looks at syntax: where a word stands is the business of the rules.
"""
