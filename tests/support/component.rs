//! Components that a test writes itself: what one lists, and what it does before.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::repo;

/// A component whose every tool is the same one; calling it traps.
pub struct Lister {
    pub tools: usize,
    /// Lines of its description.
    pub lines: usize,
    pub before: Before,
}

/// What it does before it lists its tools.
pub enum Before {
    Nothing,
    /// Computes for ever.
    Loop,
    /// Waits so many seconds for a clock.
    Sleep(u64),
    /// Takes so many pages of memory.
    Grow(usize),
}

/// Names the tool `lister_one`.
pub const MANIFEST: &str = "\
[shard]
name = \"lister\"
version = \"0.1.0\"
component = \"lister.wasm\"
tools-prefix = [\"lister_\"]
";

const WORLD: &str = "\
package test:lister;

world lister {
  import wasi:clocks/monotonic-clock@0.2.12;
  import wasi:io/poll@0.2.12;

  export nexus:shard/tools@0.1.0;
}
";

impl Lister {
    /// One tool with one line, at once.
    pub fn honest() -> Self {
        Self { tools: 1, lines: 1, before: Before::Nothing }
    }

    /// A shard's folder: manifest and component.
    pub fn write(&self, folder: &Path, manifest: &str) {
        fs::create_dir_all(folder).unwrap();
        fs::write(folder.join("shard.toml"), manifest).unwrap();
        fs::write(folder.join("lister.wasm"), self.component()).unwrap();
    }

    pub fn component(&self) -> Vec<u8> {
        let place = tempfile::tempdir().unwrap();
        let at = |name: &str| place.path().join(name);
        let contract = at("wit/deps/nexus-shard");
        fs::create_dir_all(&contract).unwrap();
        fs::write(at("wit/lister.wit"), WORLD).unwrap();
        for (from, to) in [("wit", contract), ("wit/deps", at("wit/deps"))] {
            for entry in fs::read_dir(repo().join(from)).unwrap().map(|entry| entry.unwrap().path()) {
                if entry.extension().is_some_and(|extension| extension == "wit") {
                    fs::copy(&entry, to.join(entry.file_name().unwrap())).unwrap();
                }
            }
        }
        fs::write(at("core.wat"), self.core()).unwrap();
        wasm_tools(place.path(), &["component", "embed", "wit", "--world", "lister", "core.wat", "-o", "core.wasm"]);
        wasm_tools(place.path(), &["component", "new", "core.wasm", "-o", "lister.wasm"]);
        fs::read(at("lister.wasm")).unwrap()
    }

    /// A tool is 52 bytes: name, title, description and input schema as pointer and length, no output schema, category,
    /// four hints.
    fn core(&self) -> String {
        let Self { tools, lines, before } = self;
        let texts = 65_536 + tools * 52;
        let pages = (texts + lines * 2) / 65_536 + 1;
        let before = match before {
            Before::Nothing => String::new(),
            Before::Loop => "(loop $for_ever (br $for_ever))".to_owned(),
            Before::Sleep(seconds) => {
                format!("(call $block (call $subscribe (i64.const {})))", seconds * 1_000_000_000)
            }
            Before::Grow(pages) => {
                format!("(if (i32.eq (memory.grow (i32.const {pages})) (i32.const -1)) (then (unreachable)))")
            }
        };
        format!(
            r#"(module
  (import "wasi:clocks/monotonic-clock@0.2.12" "subscribe-duration" (func $subscribe (param i64) (result i32)))
  (import "wasi:io/poll@0.2.12" "[method]pollable.block" (func $block (param i32)))
  (memory (export "memory") {pages})
  (data (i32.const 1024) "lister_one")
  (data (i32.const 1040) "{{\"type\":\"object\"}}")
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 4096))
  (func (export "nexus:shard/tools@0.1.0#call-tool")
    (param i32 i32 i32 i32 i32 i32 i64 i32 i32 i32 i32 i32 i32 i32) (result i32) (unreachable))
  (func (export "nexus:shard/tools@0.1.0#list-tools") (result i32) (local $at i32) (local $end i32)
    {before}
    (local.set $at (i32.const 65536))
    (local.set $end (i32.const {texts}))
    (loop $tools
      (i32.store (local.get $at) (i32.const 1024))
      (i32.store offset=4 (local.get $at) (i32.const 10))
      (i32.store offset=8 (local.get $at) (i32.const 1024))
      (i32.store offset=12 (local.get $at) (i32.const 10))
      (i32.store offset=16 (local.get $at) (i32.const {texts}))
      (i32.store offset=20 (local.get $at) (i32.const {bytes}))
      (i32.store offset=24 (local.get $at) (i32.const 1040))
      (i32.store offset=28 (local.get $at) (i32.const 17))
      (local.set $at (i32.add (local.get $at) (i32.const 52)))
      (br_if $tools (i32.lt_u (local.get $at) (local.get $end))))
    (local.set $end (i32.add (local.get $at) (i32.const {bytes})))
    (loop $lines
      (i32.store16 (local.get $at) (i32.const {line}))
      (local.set $at (i32.add (local.get $at) (i32.const 2)))
      (br_if $lines (i32.lt_u (local.get $at) (local.get $end))))
    (i32.store (i32.const 512) (i32.const 65536))
    (i32.store offset=4 (i32.const 512) (i32.const {tools}))
    (i32.const 512)))
"#,
            bytes = lines * 2,
            line = u16::from_le_bytes(*b"x\n"),
        )
    }
}

fn wasm_tools(folder: &Path, args: &[&str]) {
    let program = repo().join("target/tools/bin/wasm-tools");
    let ran = Command::new(program).args(args).current_dir(folder).output().unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
}
