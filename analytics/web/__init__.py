"""The pages of analytics: drift and alerts."""
