"""What starts a workflow by itself: schedules, webhooks and other workflows; pure rules that are told the time."""
