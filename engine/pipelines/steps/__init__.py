"""The step functions the pipelines share, by subject. Each observes, acts only if needed, and is looked at again."""
