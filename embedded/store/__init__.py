"""What the cluster holds: objects by resource, their versions, selectors and statuses.

For every room above; it knows no process and no request.
"""
