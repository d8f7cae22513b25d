"""Backtests of the load forecaster on any file, without a stack: read, roll the origin, measure, write."""
