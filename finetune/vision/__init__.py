"""Pictures of things as training data: crops, augmentation, names."""
