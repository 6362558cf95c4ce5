"""Uploads: forms with files in them, and files with calls in them."""
