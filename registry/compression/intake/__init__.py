"""The door: what an uploaded file must survive before anything else reads it. Runs in the child only."""
