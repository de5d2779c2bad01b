"""Benchmarks of the console, run in a real terminal."""
