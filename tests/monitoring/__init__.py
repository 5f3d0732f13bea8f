"""Prometheus, the rules and the dashboards, against the running server."""
