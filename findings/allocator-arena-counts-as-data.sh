#!/usr/bin/env bash
# mimalloc 0.1.52 (mimalloc v3 by libmimalloc-sys 0.1.49), Linux: a program that has allocated 1 MiB has 1 GiB of data.
#
# The allocator maps its first arena of 1 GiB writable at once where the system overcommits, and touches none of it. Resident
# memory does not show it; VmData does, and VmData is what RLIMIT_DATA bounds. Under a limit below 1 GiB the arena cannot be
# had and a smaller one takes its place, which may leave too little of a tight limit for what is mapped beside it. With
# MIMALLOC_ARENA_EAGER_COMMIT=0 the arena is reserved without access, and data is what was allocated.
#
# One would expect that a limit of data bounds what a program uses, whoever allocates for it, and that an allocator which
# only reserves takes nothing from it. So a host that bounds a process of its own by RLIMIT_DATA sets the variable for it.
#
# Needs cargo and a C compiler. Exit code 0: as described; 1: it has changed.
set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
cd "$folder"
mkdir src
cat >Cargo.toml <<'TOML'
[package]
name = "probe"
version = "0.0.0"
edition = "2021"

[dependencies]
mimalloc = "=0.1.52"
libmimalloc-sys = "=0.1.49"

[workspace]
TOML
cat >src/main.rs <<'RUST'
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    let kept = vec![1_u8; 1 << 20];
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let data = status.lines().find_map(|line| line.strip_prefix("VmData:")).unwrap();
    let kib: u64 = data.split_whitespace().next().unwrap().parse().unwrap();
    assert_eq!(kept.len(), 1 << 20);
    println!("{}", kib / 1024);
}
RUST
cargo build --quiet --release
program="$folder/target/release/probe"

if [ "$(cat /proc/sys/vm/overcommit_memory)" = 2 ]; then
    echo "this system does not overcommit: nothing is reserved eagerly" >&2
    exit 0
fi
plain="$("$program")"
below="$(ulimit -d $((600 * 1024)) && "$program")"
lazy="$(MIMALLOC_ARENA_EAGER_COMMIT=0 "$program")"
printf 'MiB of data after 1 MiB was allocated: %s; under a limit of 600 MiB: %s; without eager commit: %s\n' \
    "$plain" "$below" "$lazy"
if [ "$plain" -ge 1024 ] && [ "$below" -ge 64 ] && [ "$lazy" -lt 64 ]; then
    echo "as described"
else
    echo "changed" >&2
    exit 1
fi
