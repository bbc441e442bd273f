"""Looking at a gateway: what is counted, the page, the metrics and the access log. It changes nothing."""
