"""What runs inside the jail. It knows nothing of the house that holds it."""
