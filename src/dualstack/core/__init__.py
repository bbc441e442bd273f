"""Decisions: values in, values out. No socket is opened, no clock read, nothing logged."""
