# Recipes of this repository. `./bootstrap RECIPE` installs what a recipe needs first; on a machine that is ready,
# `just RECIPE` does.

target := env("CARGO_TARGET_DIR", justfile_directory() / "target")
nexus := target / "release/nexus"

set positional-arguments

export PATH := target / "tools/bin" + ":" + env("PATH")

# Lists the recipes.
[private]
default:
    @just --justfile {{ quote(justfile()) }} --list --unsorted

# Builds every shard into target/shards.
build-shards:
    scripts/build-shards

# Serves the shards over HTTP; `just serve --stdio` serves a client that starts Nexus itself.
serve *args: build-shards build
    {{ quote(nexus) }} serve "$@"

# Calls a tool: just call entra_list_users '{"top": 3}'
call tool arguments='{}' *args: build
    tool="$1"; arguments="$2"; shift 2; {{ quote(nexus) }} call "$tool" --args "$arguments" "$@"

# Lists the shards and their tools.
shards *args: build
    {{ quote(nexus) }} shards "$@"

# Says what each shard may do, and what it can do that nobody approved; just review --format html > review.html
review *args: build-shards build
    {{ quote(nexus) }} review "$@"

# Approves the shards as they were built here, if they differ from the approved in their bytes alone.
approve-build: build-shards build
    {{ quote(nexus) }} approve --all --rebuilt --why "built here from the sources of this checkout"

# Says what is missing before Nexus can serve.
doctor *args: build
    {{ quote(nexus) }} doctor "$@"

# Serves mock-data over TLS on loopback, for trying out live mode.
mock-upstream *args: build
    {{ quote(nexus) }} mock-upstream "$@"

# Shows the newest lines of the ledger.
audit-tail *args: build
    {{ quote(nexus) }} audit tail "$@"

# Checks that the ledger is whole and unchanged.
audit-verify *args: build
    {{ quote(nexus) }} audit verify "$@"

# Builds the host.
build:
    cargo build --release --locked --package nexus

# Builds the test guests in Rust, C, Go, JavaScript and Python, and those by hand, into target/guests.
build-guests:
    scripts/build-shards --guests
    scripts/build-guests

# Runs all tests; just test NAME runs those whose name has NAME in it.
test *args: build-guests
    @if cargo nextest --version >/dev/null 2>&1; then \
        echo "cargo nextest run --workspace --locked $*" >&2; \
        cargo nextest run --workspace --locked "$@"; \
    else \
        echo "cargo test --workspace --locked $*" >&2; \
        cargo test --workspace --locked "$@"; \
    fi

# Attacks a Nexus with hostile components and upstreams, and writes docs/security-tests.md.
security-tests: build-guests
    NEXUS_SECURITY_TESTS=write cargo test --package nexus --test spec --locked -- corpus:: upstreams::

# Runs the tests that need a real domain controller: Samba's, as root.
test-samba: build-shards
    cargo test --package nexus --test spec --locked -- --ignored directory::

# Formatting, lints, dependencies: what must hold before a commit.
check: && deny
    cargo fmt --all --check
    cargo fmt --check --manifest-path tests/guests/c/bindgen/Cargo.toml
    cargo clippy --workspace --all-targets --locked -- -D warnings

# Licences, sources and versions of dependencies.
deny:
    @command -v cargo-deny >/dev/null || { echo "error: cargo-deny is missing: ./bootstrap deny installs it" >&2; exit 1; }
    cargo-deny --locked check bans licenses sources

# Formats the Rust code.
fmt:
    cargo fmt --all

# Measures calls, listing, searching a directory, cold start and memory.
bench *args: build-guests
    cargo bench --workspace --locked "$@"

# Feeds what reads other people's bytes with whatever breaks it; just fuzz outbound 600, just fuzz all 30
fuzz target="all" seconds="60" *args:
    scripts/fuzz "$@"
