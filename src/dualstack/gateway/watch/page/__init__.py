"""The status page: what a gateway does, to look at; it changes nothing."""
