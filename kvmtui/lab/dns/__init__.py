"""Three DNS providers in memory, spoken to over real HTTP, for tests and for the demo.

They answer as the real ones were seen to answer, their odd sides included, and break on request.
"""
