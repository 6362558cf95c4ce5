"""Commands about policy folders: what is wrong, what is odd, why a request was refused, what a change does."""
