"""What a VM has transferred: counters read, gaps bridged, bytes kept per hour, and no byte counted twice."""
