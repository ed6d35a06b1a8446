"""The page kit: frame, navigation, template tags, static files, charts, and the decorators that check roles on pages.

It knows no app above it (docs/adr/0024). Each app has its own pages, registers its sections of the navigation and the tones of
its states, and passes data to the charts.
"""
