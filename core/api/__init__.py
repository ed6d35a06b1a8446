"""What the REST APIs of all apps share: who is asking, what they may, and keyset pages."""
