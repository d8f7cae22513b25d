"""A consistent copy of everything that cannot be made again, and the way back.

What is thrown away does not belong here: see ``tidying``.
"""
