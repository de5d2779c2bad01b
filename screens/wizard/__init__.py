"""The first steps of a new operator, from an empty database to the first VM.

screen.py     the screen: the row of steps, the open step, the keys
step.py       what a step is, and what it may use of the screen (`StepContext`); steps.py lists them in order
state.py      what the wizard knows: database, cluster, skipped steps
drafts.py     unsaved form input
background.py queries the cluster in a thread that never blocks a key or the exit
page.py       how the text of a step is drawn
server.py … service.py    one step each; review.py summarises

A step is done when the database says so. The console remembers only skipped steps, the chosen template and unsaved
input. The wizard therefore resumes anywhere, whichever way the steps were completed.
"""
