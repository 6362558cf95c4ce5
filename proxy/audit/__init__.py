"""What happened and why? One record an exchange, chained so that tampering shows."""
