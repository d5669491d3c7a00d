#!/bin/sh
# Sets up everything the checks need and runs them all; stops at the first that fails, with its status.
#
#     sh packaging/test.sh [arguments of pytest]

set -e
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd -P)
# shellcheck source=packaging/setup.sh
. "$root/packaging/setup.sh"
cd "$root"

find_python || exit 1
# shellcheck disable=SC2086  # one word a package
install_packages $packages_to_run $packages_to_test || exit 1
install_project dev,test || exit 1

run() {
    say "== $*"
    "$@"
}

run "$venv/bin/ruff" format --check .
run "$venv/bin/ruff" check .
run "$venv/bin/mypy" --strict kws_engine
if command -v xvfb-run >/dev/null 2>&1; then
    run xvfb-run -a "$venv/bin/python" -m pytest "$@"
else
    run "$venv/bin/python" -m pytest "$@"
fi
