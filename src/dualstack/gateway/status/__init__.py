"""Collects and shows what the counters hold: snapshot, page, metrics; never changes anything."""
