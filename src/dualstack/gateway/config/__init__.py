"""What the gateway is asked to do: its file read, checked key by key, and planned on this host."""
