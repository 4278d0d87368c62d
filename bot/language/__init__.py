"""One pure function from what people type, in English and Japanese, to a command object. No network, no model."""
