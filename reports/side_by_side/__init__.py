"""Tables of plain cells: in a terminal, in Prefect's page, and several runs beside each other.

For flows and commands.
"""
