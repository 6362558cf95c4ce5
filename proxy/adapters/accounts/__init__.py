"""Where accounts come from: a file, verified tokens, headers of a trusted gateway, and how the three are joined."""
