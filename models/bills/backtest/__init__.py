"""Backtests of the forecast of months on any reads: each month by what was known at its start, on day 10 and day 20."""
