"""The first steps of a new operator, from an empty database to the first machine.

    place.py      the place itself: the row of steps, the page of one, the keys
    step.py       what a step is; steps.py lists them in their order
    known.py      what the wizard knows: what the database has, what the cluster said, what was skipped
    drafts.py     what was typed into a form that was left
    aside.py      asks the cluster beside the keys
    page.py       how a step's words are drawn
    server.py … service.py    one step each; ending.py looks back

A step is done when the database says so; only what was skipped, which template was chosen, and what was typed
and not saved is remembered by the console. So it goes on wherever it was left, whoever did the steps meanwhile
and by whatever means.
"""
