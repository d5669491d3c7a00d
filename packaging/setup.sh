# shellcheck shell=sh disable=SC2034,SC2154
# Sourced by run.sh, test.sh and train_directions.sh: finds Python, installs missing system packages, makes .venv.
# Expects $root, the folder of the checkout. Every function returns 1 after one message on what to do.

venv="$root/.venv"
stamp="$venv/kws-studio.stamp"       # what was installed, and for which Python; written last
unfinished="$venv/kws-studio.unfinished"  # there from the first step of an installation to its last

packages_to_run="libportaudio2 libegl1 libgl1 libglib2.0-0 libxkbcommon-x11-0 libxcb-cursor0 libxcb-icccm4 libxcb-keysyms1
    libxcb-image0 libxcb-render-util0 libxcb-shape0 libwayland-cursor0 libwayland-egl1 libfontconfig1 libdbus-1-3 fonts-dejavu-core"
packages_to_test="xvfb xauth pulseaudio pulseaudio-utils libasound2-plugins espeak-ng mosquitto dbus trayer"
packages_of_music="freedoom freedm fluid-soundfont-gm fluidsynth"  # packaging/music.py

say() {
    printf '%s\n' "$*" >&2
}

# Whether "$1" is a Python that the libraries have wheels for, 3.11 to 3.14.
is_suitable_python() {
    "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))' 2>/dev/null
}

# Sets $python to the first suitable one.
find_python() {
    for python in python3 python3.11 python3.12 python3.13 python3.14; do
        is_suitable_python "$python" && return 0
    done
    say "KWS Studio needs Python 3.11, 3.12, 3.13 or 3.14, and none is on the PATH."
    if command -v apt-get >/dev/null 2>&1; then
        say "On Debian 12 or newer: apt-get install python3 python3-venv"
        say "On Ubuntu 22.04: apt-get install python3.11 python3.11-venv (from universe)"
    else
        say "Install one from your system's packages or from python.org, then start this again."
    fi
    return 1
}

# The Debian packages among "$@" that are not installed and that no installed package provides.
missing_packages() {
    # shellcheck disable=SC2016  # the braces are dpkg-query's
    dpkg-query -W -f='${db:Status-Status} ${Package}, ${Provides}\n' 2>/dev/null | awk -v wanted="$*" '
        $1 == "installed" {
            sub(/^installed /, "")
            gsub(/\([^)]*\)/, "")
            n = split($0, names, /[ ,]+/)
            for (i = 1; i <= n; i++) have[names[i]] = 1
        }
        END {
            n = split(wanted, names, /[ \n]+/)
            for (i = 1; i <= n; i++) if (names[i] != "" && !(names[i] in have)) printf "%s%s", space++ ? " " : "", names[i]
        }'
}

# Installs those of the Debian packages "$@" that are missing, and the venv module where $python lacks it.
install_packages() {
    if ! command -v dpkg-query >/dev/null 2>&1 || ! command -v apt-get >/dev/null 2>&1; then
        [ -e "$stamp" ] && return 0
        say "This is no Debian or Ubuntu, so nothing is installed system-wide. KWS Studio needs PortAudio, and on Linux"
        say "OpenGL (libGL, libEGL), GLib, fontconfig, D-Bus, xkbcommon-x11 and the xcb libraries cursor, icccm, keysyms,"
        say "image, render-util and shape (for Wayland wayland-cursor and wayland-egl), whatever they are called here."
        return 0
    fi
    missing=$(missing_packages "$@")
    if [ ! -e "$stamp" ] && ! "$python" -c 'import venv, ensurepip' 2>/dev/null; then
        missing="$missing $("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')"
    fi
    missing=${missing# }
    [ -z "$missing" ] && return 0
    say "Missing system packages: $missing"
    as_root=
    if [ "$(id -u)" -ne 0 ]; then
        as_root=sudo
        { command -v sudo >/dev/null 2>&1 && sudo_allowed; } || { say_how_to_install; return 1; }
    fi
    say "Installing them."
    $as_root apt-get update || say "The package lists could not be brought up to date; trying with those at hand."
    # shellcheck disable=SC2086  # one word a package
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $missing && return 0
    say_how_to_install
    return 1
}

# Whether sudo lets this user through; asks for the password only where someone can type it.
sudo_allowed() {
    if [ -t 0 ]; then sudo -v; else sudo -n true 2>/dev/null; fi
}

say_how_to_install() {
    say "They could not be installed from here. Run this as an administrator, then start again:"
    say "    apt-get install $missing"
}

# What the environment has to match: the dependencies, the Python, the place (scripts in .venv name it).
wanted_stamp() {
    "$1" -c 'import hashlib, pathlib, platform, sys
pyproject = pathlib.Path(sys.argv[1], "pyproject.toml").read_bytes()
print(hashlib.sha256(pyproject).hexdigest(), platform.python_version(), sys.argv[1])' "$root"
}

# Whether .venv is whole and holds the extras "$1" (empty: any will do).
is_installed() {
    [ -e "$stamp" ] && [ ! -e "$unfinished" ] || return 1
    wanted=$(wanted_stamp "$venv/bin/python" 2>/dev/null) || return 1
    [ "$(sed -n 1p "$stamp")" = "$wanted" ] || return 1
    [ -z "$1" ] || [ "$(sed -n 2p "$stamp")" = "$1" ]
}

# Whether pip may go on in the .venv that is there: not cut off half-way, same Python, same place.
can_be_reused() {
    [ ! -e "$unfinished" ] && is_suitable_python "$venv/bin/python" || return 1
    "$venv/bin/python" -m pip --version >/dev/null 2>&1 || return 1
    [ ! -e "$stamp" ] && return 0
    wanted=$(wanted_stamp "$venv/bin/python") || return 1
    [ "$(sed -n '1s/^[^ ]* //p' "$stamp")" = "${wanted#* }" ]
}

# Makes .venv and installs the project with the extras "$1" ("", those a user wants, or "dev,test"), if that has not been
# done yet.
# An installation that was cut off is begun anew; one of older dependencies is brought up to date.
install_project() {
    is_installed "$1" && return 0
    if ! can_be_reused; then
        say "Making $venv with $("$python" --version)."
        rm -rf "$venv-old"
        if [ -e "$venv" ]; then mv "$venv" "$venv-old" || return 1; fi
        rm -rf "$venv-old"
        mkdir "$venv" && : >"$unfinished" && "$python" -m venv "$venv" || return 1
    fi
    say "Installing KWS Studio and its libraries: some minutes, once."
    : >"$unfinished" && rm -f "$stamp" || return 1
    if ! "$venv/bin/python" "$root/packaging/install.py" "${1:-actions}"; then
        say "The libraries could not be installed: see pip's message above, then start this again."
        return 1
    fi
    { wanted_stamp "$venv/bin/python" && printf '%s\n' "$1"; } >"$stamp" && rm -f "$unfinished"
}
