"""The jail and the guest: where a tenant's text runs, and nowhere else."""
