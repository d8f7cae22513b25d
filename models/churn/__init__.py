"""Probability that a customer leaves within 90 days, with reasons."""
