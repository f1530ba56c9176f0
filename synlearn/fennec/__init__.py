"""Fennec: models for a new task from what models did on earlier tasks, without running any of them.

Three phases. *Transfer*: the matrix of past performances is factorised, so that a model and a task
are each a vector (`factorisation`); a new task's vector is read off one proxy network's features
(`task_vectors`). *Meta*: a linear regression on what is known of models and tasks without running
anything, the model's architecture among it (`meta_features`, `archi2vec`). *Merge*: their mean.

Source: Bai et al., "Pre-Trained Model Recommendation for Downstream Fine-tuning", 2024.
"""
