"""How the platform does: what was seen of tables, runs, hand-overs and models is appended to ``ops`` and made a page.

Nothing here decides what a stage does, and no stage reads what is written here.
"""
