"""Ledger Link: a financial transaction system that keeps the books."""

__version__ = "0.1.0"
