"""Lands batches: checks them, answers once they are durable, and forgets them when their time is over."""
