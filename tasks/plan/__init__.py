"""What a run is asked to do: fields, job file, sizes, locations.

Knows no cluster; everybody may use it.
"""
