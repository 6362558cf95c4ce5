"""Files that people write, read so strictly that they have one meaning and every value remembers its place."""
