"""What an owner has on disk becomes rows of classes: sources, label map, snapshots."""
