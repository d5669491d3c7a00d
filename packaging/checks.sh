#!/bin/sh
# The checks of this project, in one place: test.sh, .ci/run and the pre-commit hooks call this. Stops at the first
# that fails, with its status.
#
#     sh packaging/checks.sh [all] [--quick] [arguments of pytest]
#     sh packaging/checks.sh format|lint|types
#     sh packaging/checks.sh tests [--quick] [arguments of pytest]
#
# --quick leaves out the tests marked slow. Uses the tools in .venv, or those on the PATH where there is none.

set -e
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd -P)
cd "$root"
[ -x .venv/bin/python ] && PATH="$root/.venv/bin:$PATH"

run() {
    printf '== %s\n' "$*" >&2
    "$@"
}

check_format() {
    run ruff format --check .
}

check_lint() {
    run ruff check .
}

check_types() {
    run mypy --strict kws_engine kws_gui
}

# Two processes of pytest share the files, in their order: the longest come first, and what a file has made it keeps.
check_tests() {
    if [ "${1:-}" = --quick ]; then
        shift
        set -- -m "not slow" "$@"
    fi
    set -- python -m pytest -n 2 --dist loadfile --no-loadscope-reorder "$@"
    command -v xvfb-run >/dev/null 2>&1 && set -- xvfb-run -a "$@"
    run "$@"
}

name=${1:-all}
case $name in
    format | lint | types | tests) shift && "check_$name" "$@" ;;
    all | -*)
        [ "$name" = all ] && [ $# -gt 0 ] && shift
        check_format
        check_lint
        check_types
        check_tests "$@"
        ;;
    *)
        printf '%s: there is no check "%s": choose format, lint, types, tests or all\n' "$0" "$name" >&2
        exit 2
        ;;
esac
