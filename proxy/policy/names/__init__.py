"""What policy files name: lists, pattern sets, models, prices, endpoints passed unread."""
