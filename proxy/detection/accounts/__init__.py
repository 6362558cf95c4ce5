"""What one account did: bounded, decaying state, about 2 kB."""
