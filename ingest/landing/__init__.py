"""Lands batches: checks them, stores them durably before the answer, and deletes them after their retention."""
