"""What commands take in and give out: policy folders, settings, recorded traffic, files to write."""
