"""The service: many tenants, their workflows and runs, behind one door."""
