"""What the console's widgets cost, measured through a real terminal."""
