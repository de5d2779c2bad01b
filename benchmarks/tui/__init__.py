"""What the console costs its operator, measured on the real program through a real terminal."""
