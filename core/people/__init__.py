"""People: who may change whom, and how every change of them reaches the audit trail."""
