"""Rules of the fleet that need no database: cohorts, selectors, stages, transitions, resolving. Imports no Django."""
