"""Datasets: dSprites (rendered or original), folders of images, and array files."""
