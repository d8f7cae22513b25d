"""Alert model: how suspect the recent reads of each meter are."""
