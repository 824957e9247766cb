# shellcheck shell=bash
# What the scripts share: where things live, how they speak, how they try again. Sourced, never run.

CHECKOUT=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd)
CACHE=${XDG_CACHE_HOME:-${HOME:?HOME is not set: say where things may be kept, for example HOME=$PWD/home}/.cache}/meuse

# Built things stay outside the checkout, so that a second clone finds every dependency compiled.
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$CACHE/target}

# What torch-sys is built against: by its place in the cache and not by the link of this checkout, since another path
# would have it built again, which takes minutes. So would files of patches/ that look new, as all do in a fresh checkout:
# cargo judges them by their date. (A change of theirs comes with a new version in their Cargo.toml.) libtorch is not
# there before `scripts/setup --deep`.
find_libtorch() {
    find "$CHECKOUT/patches" -type f -exec touch --date=2026-01-01 {} +
    [[ ! -e $CHECKOUT/vendor/libtorch ]] || LIBTORCH=$(realpath -- "$CHECKOUT/vendor/libtorch")
    export LIBTORCH
}

NAME=$(basename -- "$0")

say() { printf '%s: %s\n' "$NAME" "$*"; }

stop() {
    printf '%s: %s\n' "$NAME" "$*" >&2
    exit 1
}

# The comment at the top of a script, up to its first line that is no comment, is its --help.
help() {
    sed -n '2,/^[^#]/{s/^# \{0,1\}//p}' "$0"
}

# Registries and networks hiccup: four attempts, each after a longer pause.
retry() {
    local attempt pause=1
    for attempt in 1 2 3; do
        "$@" && return
        say "attempt $attempt of 4 failed; trying again in $pause s"
        sleep "$pause"
        pause=$((pause * 3))
    done
    "$@"
}

# The first Python that is new enough and brings pip and venv; nothing when there is none.
find_python() {
    local python
    for python in python3 /usr/bin/python3; do
        if "$python" -c 'import ensurepip, pip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            echo "$python"
            return
        fi
    done
}

require_python() {
    local found
    found=$(find_python)
    [[ $found ]] || stop "no Python 3.11 or newer with pip and venv was found: run scripts/setup, or install one"
    echo "$found"
}

# python_environment NAME REQUIREMENTS [OPTION]...: prints the Python of a virtual environment that holds what the file
# pins; pip gets the options. Another text makes another environment; one that was broken off while being made is made
# again.
python_environment() {
    local requirements=$2 options=("${@:3}") python hash folder
    python=$(require_python) || exit
    hash=$({ "$python" --version && cat -- "$requirements"; } | sha256sum | cut -c1-12)
    folder=$CACHE/venv-$1-$hash
    mkdir -p "$CACHE"
    (flock 9 && { [[ -e $folder/complete ]] || make_environment; }) 9>"$CACHE/.venv.lock" >&2 ||
        stop "could not make the Python environment $folder"
    echo "$folder/bin/python"
}

make_environment() {
    local pip=("$folder/bin/python" -m pip install --quiet --disable-pip-version-check)
    say "making a Python environment from ${requirements#"$CHECKOUT/"}"
    # Debian's and older pips stumble over the metadata of some packages, hence the first upgrade.
    rm -rf "$folder" &&
        "$python" -m venv "$folder" &&
        retry "${pip[@]}" --upgrade pip &&
        retry "${pip[@]}" "${options[@]}" --requirement "$requirements" &&
        touch "$folder/complete"
}
