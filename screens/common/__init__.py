"""What widgets and screens share: no module here draws anything.

actions.py      the table of actions and their keys; bindings.py makes Textual bindings and the keymap from it
text.py         the only way engine data becomes text on a screen; glyphs.py, times.py
memory.py       filter, sort order, cursor and marks of each list, kept between starts
coalesced.py    reads in the background, one at a time
"""
