"""Telling people: one message when an incident begins, one when it is over, and one a week."""
