"""This host as it runs: read once, asked within two seconds, then judged as values (X6). Changes nothing."""
