#!/bin/sh
# Starts KWS Studio, after installing what it needs (the first time, or after an update). See CONTRIBUTING.md.
#
#     sh packaging/run.sh [PROJECT or other arguments of kws-studio]
#
# Without a display it runs `kws demo`, which shows the same from training to listening as a table.

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd -P) || exit 1
# shellcheck source=packaging/setup.sh
. "$root/packaging/setup.sh"

find_python || exit 1
# shellcheck disable=SC2086  # one word a package
install_packages $packages_to_run || exit 1
install_project "" || exit 1

if [ -n "${DISPLAY:-}${WAYLAND_DISPLAY:-}" ] || [ "$(uname)" = Darwin ]; then
    exec "$venv/bin/kws-studio" "$@"
fi
say "There is no display (DISPLAY and WAYLAND_DISPLAY are not set), so this runs the demo without a window: kws demo."
exec "$venv/bin/kws" demo
