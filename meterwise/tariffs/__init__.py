"""Tariffs: what a book of them says, and the bills that it makes of reads."""
