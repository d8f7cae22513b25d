"""Puts the made-up load of these tests within reach."""
