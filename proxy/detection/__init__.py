"""Does it look like distillation? Detectors score and explain; policy decides."""
