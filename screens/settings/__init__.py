"""Settings, scheduled tasks, the test mail and the mail outbox."""
