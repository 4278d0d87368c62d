"""What people hand over to learn from: read, shaped into conversations, checked, split and rendered for a model."""
