"""What people who edit policies ask: is it sound, why was this refused, what would change, how is it written."""
