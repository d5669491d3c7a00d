"""A run of a project, from its settings to the model file, here or in a process of its own; knows no screen."""

import os

# GNU OpenMP's threads spin while they wait for each other. On a machine that is busy with anything else this made a
# step of two threads 30 times slower than one of one thread (1,715 against 54 ms).
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
