"""Who is calling? Client address, region and account, from bytes that may lie."""
