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
