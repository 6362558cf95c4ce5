"""What is known of models by their names: what they do unasked, and which parameters they refuse. A model that isn't known takes them all."""
