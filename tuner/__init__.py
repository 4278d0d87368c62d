"""Plans, queue, search, training, evaluation and chat: everything that touches a model. Knows nothing of sentences."""
