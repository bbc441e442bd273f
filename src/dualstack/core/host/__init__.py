"""Holds what is known of a host, its families, interfaces and listeners; never finds it out."""
