"""Which text, prompt or identifier was sent by which accounts: fixed memory, whatever the traffic."""
