#!/bin/sh
# Sets up everything the checks need and runs them all; stops at the first that fails, with its status.
#
#     sh packaging/test.sh [--quick] [arguments of pytest]

set -e
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd -P)
# shellcheck source=packaging/setup.sh
. "$root/packaging/setup.sh"

find_python || exit 1
# shellcheck disable=SC2086  # one word a package
install_packages $packages_to_run $packages_to_test || exit 1
install_project dev,test || exit 1

exec sh "$root/packaging/checks.sh" all "$@"
