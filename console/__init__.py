"""The page kit: frame, navigation, template tags, static files, charts, and what every page does with roles and refusals.

It knows no app. Each app registers its sections of the navigation and the tones of its states, and passes data to the charts.
"""
