"""Algorithm 1 of SynLearn."""

from coordinator.steps import Model_co, Sample, Steps


def synergistic_learning(run: Steps[Sample, Model_co]) -> Model_co:
    """Learn the relation between tasks and models; return the MRE model.

    Each step asks under ids of its own and ends in a checkpoint, so a job that was killed goes on
    with the step in which it was killed.
    """
    while run.pretraining_left:  # lines 2-6
        parts = run.ask_for_pretraining()
        run.update_backbone(parts)
        run.checkpoint()
    while run.learning_left:  # lines 7-12
        sample = run.sample_tasks_and_models()  # line 8
        run.validate(sample)  # line 9
        run.generate_target_datasets(sample)  # line 10
        run.update_metric()  # line 11
        run.checkpoint()
    return run.result()
