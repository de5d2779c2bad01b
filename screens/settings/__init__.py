"""Settings, scheduled tasks, the test mail, the mail outbox, API tokens and webhooks."""
