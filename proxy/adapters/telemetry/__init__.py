"""What the proxy tells those who run it: events, state for Prometheus, traces."""
