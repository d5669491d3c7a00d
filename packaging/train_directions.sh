#!/bin/sh
# Trains the model that Listen starts with, resources/models/directions.kws, by the project's own commands.
#
#     sh packaging/train_directions.sh [DATA]
#
# DATA holds `speech_commands` (Google Speech Commands, Warden 2018, CC BY 4.0, one folder a word) and `talk`, people's
# talk with its index, of which what may ship is learned from and sets the thresholds; default ../shared/data beside
# the checkout.

set -e
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd -P)
# shellcheck source=packaging/setup.sh
. "$root/packaging/setup.sh"

words=right,left,up,down,go,eight,one,zero,five
data=${1:-$root/../shared/data}
if [ ! -d "$data/speech_commands/right" ] || [ ! -f "$data/talk/index.tsv" ]; then
    say "There are no speech_commands and talk in $data: give their folder, as in sh packaging/train_directions.sh FOLDER."
    exit 1
fi

find_python || exit 1
# shellcheck disable=SC2086  # one word a package
install_packages $packages_to_run || exit 1
install_project "" || exit 1

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
project="$work/directions"
"$venv/bin/kws" new "$project"
"$venv/bin/kws" import "$project" "$data/speech_commands" --words "$words" --rest-unknown
KWS_SHARED_DATA="$data" "$venv/bin/python" "$root/packaging/copy_talk.py" "$project/talk" --without "$words"
"$venv/bin/kws" train "$project" --seed 0 --set training.fresh_share=1 --set training.epochs=80 --set training.talk_share=0.25 --set detector.smoothing_ms=240 --set detector.second_look=yes --set detector.first_share=0.5 --json >"$work/events.jsonl"

model=$("$venv/bin/python" - "$work/events.jsonl" "$project" <<'END'
import json, pathlib, sys

events = [json.loads(line) for line in pathlib.Path(sys.argv[1]).read_text(encoding="utf-8").splitlines()]
finished = next(event for event in events if event["event"] == "finished")
print(f"validation accuracy {finished['validation_accuracy']:.3f}, best epoch {finished['best_epoch']}", file=sys.stderr)
print(pathlib.Path(sys.argv[2]) / finished["model"])
END
)
# A run lets thresholds fall where more than a fifth would be missed for the promise; what ships keeps it.
"$venv/bin/kws" calibrate "$model" --false-alarms-per-hour 0.5 --project "$project"
mkdir -p "$root/resources/models"
cp "$model" "$root/resources/models/directions.kws"
"$venv/bin/kws" evaluate "$root/resources/models/directions.kws" "$project" --split testing ||
    say "resources/models/directions.kws is written, but not measured."
