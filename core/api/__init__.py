"""Parts that the REST APIs of all apps share: authentication, permissions, bodies, answers and pages of rows."""
