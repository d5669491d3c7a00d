"""KWS Studio, the engine: teaches a computer words and listens for them, without a screen."""

import os

# GNU OpenMP's threads spin while they wait for each other: for long by default. On a machine that is busy with anything
# else this made a step of two threads up to 30 times slower than one of one thread (1,715 against 54 ms). Where they
# sleep at once, a step takes twice as long on an idle machine (31, not 17 ms). This is some ten microseconds.
os.environ.setdefault("GOMP_SPINCOUNT", "2000")
# numpy's products of matrices are small here, and many are done at once by threads of our own: threads below those only
# wait for each other. On 2 cores, teaching a word takes 42 s and 56 of processor time with one of them, 58 and 91 by
# default; to hear an hour of talk takes 8 s, not 19.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

__version__ = "0.1.0"
