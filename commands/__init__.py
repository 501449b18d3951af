"""The command line, a module for each command.

A module says what its command takes and imports the rest when it is called: help is told at once.
"""
