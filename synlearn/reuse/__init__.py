"""What to do with the models that were chosen: fine-tuning."""
