"""Hourly demand of each region, day ahead to week ahead, with P10, P50 and P90."""
