"""The settings that suit the embedded model, found by measurement (the sweep is in the model card). Plain data."""

DEFAULTS: dict[str, float | int | str] = {
    "learning_rate": 2e-4,
    "epochs": 5,
    "batch_size": 4,
    "gradient_accumulation": 1,
    "lora_rank": 16,
    "lora_alpha": 1024,
    "lora_dropout": 0.0,
    "target_modules": "all",
    "weight_decay": 0.0,
    "warmup_ratio": 0.1,
    "lr_schedule": "cosine",
    "max_grad_norm": 1.0,
    "label_smoothing": 0.0,
    "max_length": 256,
    "seed": 0,
}

# Outside these a plan says that it is unusual for this model. For words every sensible choice is listed.
RECOMMENDED: dict[str, tuple[float, float] | tuple[str, ...]] = {
    "learning_rate": (3e-5, 1e-3),
    "epochs": (3, 12),
    "batch_size": (2, 32),
    "gradient_accumulation": (1, 4),
    "lora_rank": (4, 32),
    "lora_alpha": (256, 4096),
    "lora_dropout": (0.0, 0.2),
    "target_modules": ("all", "mlp", "attention"),
    "weight_decay": (0.0, 0.1),
    "warmup_ratio": (0.0, 0.2),
    "lr_schedule": ("cosine", "linear", "constant"),
    "max_grad_norm": (0.5, 5.0),
    "label_smoothing": (0.0, 0.1),
    "max_length": (64, 512),
    "seed": (0, 2**31 - 1),
}

GENERAL_CHAT_EXAMPLES = 150
"""In each epoch, at most: as many as keep the chat beside the sample's 250 training examples."""

EXAMPLES_SEEN = 1300
"""So often a try goes over training examples in all: 250 of them take the 5 epochs above, fewer take more.

Measured with 5 phrasings of each fact (106 training examples): 12 epochs with 64 examples of chat answered 45% of
unseen phrasings, 5 epochs with 150 answered 37%; with 2 phrasings (42 examples) 5 epochs left half of the examples
unlearnt, 10 none."""

EPOCHS = (3, 12)
"""The least and the most of them that a number of examples leads to."""
CHAT_SHARE = 0.6
"""Of general chat for each training example, and no fewer than the next."""
LEAST_CHAT = 50
