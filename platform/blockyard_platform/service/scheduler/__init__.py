"""The scheduler: what starts runs by itself (schedules, webhooks, other runs), how many there are at once, and who is told of their end."""
