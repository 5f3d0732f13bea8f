"""Traces for OpenTelemetry: what is watched, what is kept of it, and where it is sent.

Only this package imports OpenTelemetry, and only `is_on()` decides whether it is imported at all.
What the apps have to tell stands in a `tracing.py` of each, which listens to its signals.
"""
