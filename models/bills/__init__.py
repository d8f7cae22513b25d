"""The month's energy of every customer, on any day of it: what is measured so far, and the rest as it may come."""
