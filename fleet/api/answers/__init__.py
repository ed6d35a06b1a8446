"""What the fleet answers: each class describes an answer for OpenAPI and renders it."""
