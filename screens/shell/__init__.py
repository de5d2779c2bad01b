"""The console around the screens: terminal, header, tabs, event feed, goto line, themes.

console.py      the application; registry.py lists its screens, each imported when first opened
"""
