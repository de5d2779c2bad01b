"""The client's page of a service: HTML for whoever opened a one-time link, in the client's language.

Nothing in a URL or a form names the service: the session behind the cookie is bound to it.
"""
