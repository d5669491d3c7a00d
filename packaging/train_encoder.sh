#!/bin/sh
# Trains the robust speech encoder from Google's and puts it among the resources. What stands on it must be made anew
# then: packaging/make_bank.py robust, packaging/train_directions.sh.
#
#     sh packaging/train_encoder.sh [OUTPUT]
#
# OUTPUT is a safetensors file, default speech_encoder.safetensors here. The recordings of people are looked for as
# kws_engine/bench/_people.py tells.

set -e
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd -P)
# shellcheck source=packaging/setup.sh
. "$root/packaging/setup.sh"

find_python || exit 1
# shellcheck disable=SC2086  # one word a package
install_packages $packages_to_run $packages_of_music || exit 1
install_project "" || exit 1

weights="${1:-speech_encoder.safetensors}"
PYTHONPATH="$root" "$venv/bin/python" "$root/packaging/train_encoder.py" --output "$weights"
"$venv/bin/python" "$root/packaging/make_encoder.py" "$weights" robust
