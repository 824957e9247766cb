# shellcheck shell=bash
# The console's packages and its build, each done again only when what it is made of has changed. Sourced, never run.

CONSOLE=$CHECKOUT/console
OLDEST_NODE=20.19

require_node() {
    command -v npm >/dev/null || stop "npm is missing: install Node.js $OLDEST_NODE or newer, then run this again"
    local version
    version=$(node --version)
    [[ $(printf '%s\n' "$OLDEST_NODE" "${version#v}" | sort --version-sort | head -n 1) == "$OLDEST_NODE" ]] ||
        stop "Node.js $version is too old to build the console: install $OLDEST_NODE or newer, then run this again"
}

# node_packages FOLDER: what its package-lock.json pins, in node_modules. npm keeps downloads in its own cache.
node_packages() {
    local folder=$1 wanted log
    local stamp=$folder/node_modules/.meuse-packages
    wanted=$({ node --version && cat "$folder/package.json" "$folder/package-lock.json"; } | sha256sum)
    [[ ! -e $stamp || $(<"$stamp") != "$wanted" ]] || return 0
    say "bringing the packages of ${folder#"$CHECKOUT/"}"
    log=$(mktemp)
    if ! retry npm --prefix "$folder" ci --prefer-offline --no-audit --no-fund --ignore-scripts >"$log" 2>&1; then
        cat "$log" >&2
        rm -f "$log"
        stop "npm could not bring the packages of ${folder#"$CHECKOUT/"}; what it said stands above"
    fi
    rm -f "$log"
    echo "$wanted" >"$stamp"
}

# console/dist, which `cargo build` puts into the binary.
build_console() {
    require_node
    node_packages "$CONSOLE"
    local stamp=$CONSOLE/node_modules/.meuse-built wanted log
    wanted=$(console_sources)
    if [[ -e $CONSOLE/dist/index.html && -e $stamp && $(<"$stamp") == "$wanted" ]]; then
        say "console: built (nothing to do)"
        return
    fi
    say "building the console"
    log=$(mktemp)
    if ! npm --prefix "$CONSOLE" run build >"$log" 2>&1; then
        cat "$log" >&2
        rm -f "$log"
        stop "the console could not be built; what Vite said stands above"
    fi
    rm -f "$log"
    echo "$wanted" >"$stamp"
}

# One hash over everything that the build reads: the demo's data is part of the console.
console_sources() {
    (
        cd "$CHECKOUT" || exit
        find console/src console/index.html console/*.json console/*.js console/*.ts examples/credit -type f -print0 |
            LC_ALL=C sort --zero-terminated | xargs --null sha256sum | sha256sum
    )
}
