"""Customer segments that a marketer understands."""
