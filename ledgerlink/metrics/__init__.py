"""Metrics for Prometheus: how they are kept, measured around each request, and shown.

What the apps count stands in a `metrics.py` of each, which listens to its signals.
"""
