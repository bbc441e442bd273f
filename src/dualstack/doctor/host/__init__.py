"""This host as it runs: read once, asked within a few seconds, then judged as values (X6). Changes nothing."""
