# Sourced by the scripts beside it and by `bootstrap`: where things are, and how a step is told and remembered.
# shellcheck shell=bash

set -euo pipefail

REPO="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)"
TARGET="${CARGO_TARGET_DIR:-$REPO/target}"
TOOLS="$TARGET/tools"
STAMPS="$TOOLS/stamps"
PATH="$TOOLS/bin:$PATH"
export PATH

say() { printf '==> %s\n' "$*" >&2; }

# fail WHAT [WHAT-TO-DO...]: says what is wrong, then what to do about it, and ends the script.
fail() {
    printf 'error: %s\n' "$1" >&2
    shift
    [ $# -eq 0 ] || printf '       %s\n' "$@" >&2
    exit 1
}

# digest PATH...: one digest over names and contents of files and folders. Names are relative to the repository, so a
# checkout elsewhere has the same digest; what a build leaves behind does not count.
digest() {
    (cd "$REPO" && find "$@" \( -name target -o -name node_modules -o -name __pycache__ \) -prune -o -type f -print0 |
        LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum | cut -d' ' -f1)
}

# done_before NAME KEY: whether step NAME was done, and for the same KEY.
done_before() { [ -f "$STAMPS/$1" ] && [ "$(cat "$STAMPS/$1")" = "$2" ]; }

# remember NAME KEY: called after the step, so that a step broken off is done again.
remember() {
    mkdir -p "$STAMPS"
    printf '%s' "$2" >"$STAMPS/$1"
}

# toml_value FILE KEY: the first `KEY = "value"` of a TOML file.
toml_value() { sed -n "s/^$2 *= *\"\([^\"]*\)\".*/\1/p" "$1" | head -n1; }

# The Rust toolchain for wasm32-unknown-unknown: `plain` when the usual cargo has the target's standard library,
# `debian` when Debian's Rust with its library source stands in for it, `none` otherwise.
wasm_rust() {
    local libraries
    if libraries="$(rustc --print target-libdir --target wasm32-unknown-unknown 2>/dev/null)" &&
        compgen -G "$libraries/libstd-*.rlib" >/dev/null; then
        echo plain
    elif [ -x /usr/bin/cargo ] && [ -x /usr/bin/rustc ] && [ -x /usr/bin/wasm-ld-22 ] &&
        [ -f "$(/usr/bin/rustc --print sysroot)/lib/rustlib/src/rust/library/Cargo.lock" ]; then
        echo debian
    else
        echo none
    fi
}
