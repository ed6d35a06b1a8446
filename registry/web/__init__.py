"""The registry's pages in the console."""
