"""The policy that `init` writes: the `guarded` profile, each line explained."""

_TEXT = """\
# What this node answers. Changes hold a second after the file is saved. If any part is wrong,
# the last good policy stays in force: `synlearn-provider policy check` says what to mend.
# docs/provider-policy.md explains every key. A line with a '#' in front is off.

profile = "guarded"        # the base; "open" is for data without secrets only
min_rows = 20              # fewest rows behind any number of an answer
min_parties = 3            # fewest providers in a masked sum
min_parties_per_class = 3  # fewest of them with rows of each class
min_corrupt = 0            # colluders a sum must state to withstand; its threshold does, too
masked_once = true         # an exact sum over all rows of a class is given once only
max_model_bytes = 67108864 # largest model file that is pulled: 64 MiB
describe_rounding = 10     # counts in descriptions are rounded down to tens

[models]
digests = []               # SHA-256 of model files that you have looked at yourself
# digests_file = "models.txt"  # more of them, one a line
signers = []               # public keys (hex) of those whose word for a model file you take

# One section for each function. allow: whether it is answered; transport: "plain" (by this node
# alone), "masked" (only within a sum of many) or "either"; approval = true: you decide each time.

[functions.describe]       # classes and rounded counts
allow = true
transport = "plain"
approval = false
max_questions = 100        # of one job

[functions.class_outputs]  # what models say about each class, summed up
allow = true
models = "signed"          # listed above or endorsed by a signer; "listed"; or "any"
min_rows = 20
# noise_epsilon = 0.1      # with noise, each answer costing so much of the privacy budget

[functions.leep_likelihood]  # how likely models make each class, summed up
allow = true
models = "signed"
min_rows = 20

[functions.squared_error]  # errors of models on rows that this node draws
allow = true
models = "signed"
min_rows = 20

[functions.head_statistics]  # sums of features and of their products
allow = true
transport = "masked"       # they would show single rows where rows are few
max_width = 64             # features, after a fixed projection
min_rows_per_width = 2.0   # rows of a class for each feature
min_rows = 20

[functions.head_correct]   # how often heads are right
allow = true
min_rows = 20
heads_per_row = 2000       # heads ever tried on a row: each tells a little about it
max_questions = 500

[functions.pretraining_gradient]  # a step of the feature extractor's training
allow = true
transport = "masked"
min_rows = 20

[functions.pretraining_update]  # several steps at once: has no masked form
allow = false              # if you allow it, ask for noise:
transport = "plain"
# noise_epsilon = 0.5      # cost of one answer
# noise_clip = 1.0         # largest change, before noise
min_rows = 20

[functions.target_features]  # mean features of rows that this node draws
allow = true
transport = "plain"
min_rows = 20              # fewest rows to draw from
min_k = 10                 # fewest rows behind one mean
max_draws = 100            # means in one question
max_questions = 200

[functions.task_evidence]  # means and scores of very few rows
allow = false
transport = "plain"
models = "signed"
min_rows = 20
min_k = 10
max_draws = 100

[functions.class_feature_sums]  # mean features over the rows of many providers
allow = true
transport = "masked"
min_k = 1                  # fewest rows of yours in a class slot
min_k_together = 10        # fewest rows of all in a class slot
max_questions = 500

[budgets.day]              # from midnight to midnight, UTC
questions = 20000
bytes = 1073741824         # 1 GiB

[budgets.job]
questions = 50000
bytes = 4294967296         # 4 GiB

[privacy]                  # what noise may cost; exact answers are not counted in it
epsilon_job = 4.0          # of one job
epsilon_ever = 10.0        # of all jobs
delta = 1e-6               # well below one over the number of rows
masked_noise = false       # whether masked sums need noise, too

[approval]                 # the queue of what waits for you
expires_hours = 72.0       # then a question counts as refused
max_pending = 1000

# [hours]                  # without this section: at any time
# timezone = "Europe/Berlin"
# weekdays = ["mon", "tue", "wed", "thu", "fri"]
# opens = "08:00"
# closes = "18:00"         # earlier than opens: on the next day

[worker]                   # the process that runs models
seconds = 600.0            # for one question
memory_mib = 4096
threads = 1
"""


def guarded_policy_toml() -> str:
    """A policy file of the `guarded` profile, for an owner to read and change."""
    return _TEXT
