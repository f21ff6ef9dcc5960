//! Compiles components, in a process of its own: nobody has approved a component when it is compiled, and a compiler
//! takes as much time and memory as its input makes it take.
//!
//! The process is this same program (`nexus compile-component`), with an empty environment and limits that it sets on
//! itself before it reads anything. It reads the component from standard input and writes machine code to standard
//! output; neither lies in a file in between. The host trusts that machine code as it would trust its own compiler: the
//! same program made it, from bytes that the host handed over, and nobody else can write into the pipe. Only the host
//! seals it (`cache`), and the child never sees the key.

#![expect(clippy::disallowed_methods, reason = "this program starts itself, and the child owns its standard streams")]

use std::io::{self, Read as _, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, Signal};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::Command;
use wasmtime::{Engine, error::OutOfMemory};

use super::MAX_COMPONENT_BYTES;
use super::cache::Code;
use super::engine::for_compiling;

/// The command of the program that compiles. Its arguments are bytes of memory and seconds of computing.
pub const COMMAND: &str = "compile-component";

/// Machine code is a few times as large as the component.
const MAX_CODE_BYTES: u64 = 512 << 20;
/// What the child may say of an error.
const MAX_STORY_BYTES: u64 = 8 << 10;
/// How far the child stands behind everything else (`nice(2)`).
const NICE: i32 = 10;
/// Threads that a child compiles on.
const MAX_THREADS: usize = 4;
/// The child's exit codes.
const INVALID: u8 = 1;
const OUT_OF_MEMORY: u8 = 12;

/// What compiling one component may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CompileLimits {
    /// Wall clock. Computing time has the same bound on each thread.
    pub time: Duration,
    /// Bytes of private memory.
    pub memory: u64,
}

impl Default for CompileLimits {
    fn default() -> Self {
        Self { time: Duration::from_secs(120), memory: 2 << 30 }
    }
}

impl CompileLimits {
    /// Seconds of computing, all threads together.
    fn cpu(&self) -> u64 {
        self.time.as_secs().max(1) * threads() as u64
    }
}

/// Where components are compiled.
#[derive(Debug, Clone, Copy)]
pub enum Compiler {
    /// In a process of its own, which the program can start because it is `nexus`.
    Process(CompileLimits),
    /// In this process and without limits: for measurements, whose program is another.
    InProcess,
}

/// Why a component was not compiled.
#[derive(Debug, thiserror::Error)]
pub enum CompileError {
    #[error("component is not a valid WebAssembly component")]
    Invalid(#[source] wasmtime::Error),
    #[error("compiling took more than {} s", .0.as_secs_f64())]
    Time(Duration),
    #[error("compiling took more than {} MiB of memory", .0 >> 20)]
    Memory(u64),
    #[error("the process that compiles ended with {status}: {story}")]
    Ended { status: ExitStatus, story: String },
    #[error("the process that compiles cannot be used")]
    Process(#[source] io::Error),
    #[error("compiled code does not fit this host")]
    Unfit(#[source] wasmtime::Error),
}

impl Compiler {
    pub(super) async fn compile(self, engine: &Engine, binary: Arc<Vec<u8>>) -> Result<Code<'static>, CompileError> {
        match self {
            Self::Process(limits) => in_a_process(limits, binary).await,
            Self::InProcess => {
                let engine = engine.clone();
                let compiled = tokio::task::spawn_blocking(move || engine.precompile_component(&binary));
                let compiled = compiled.await.map_err(|error| CompileError::Process(error.into()))?;
                compiled.map(Code::compiled).map_err(CompileError::Invalid)
            }
        }
    }
}

async fn in_a_process(limits: CompileLimits, binary: Arc<Vec<u8>>) -> Result<Code<'static>, CompileError> {
    let failed = CompileError::Process;
    let mut command = Command::new(program().map_err(failed)?);
    command.arg(COMMAND).arg(limits.memory.to_string()).arg(limits.cpu().to_string());
    command.env_clear().env("RAYON_NUM_THREADS", threads().to_string()).current_dir("/");
    // What the allocator only keeps in reserve does not count against the limit.
    command.env("MIMALLOC_ARENA_EAGER_COMMIT", "0");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().map_err(failed)?;
    let (Some(mut input), Some(output), Some(errors)) = (child.stdin.take(), child.stdout.take(), child.stderr.take())
    else {
        return Err(failed(io::Error::other("it has no standard streams")));
    };
    let ended = tokio::time::timeout(limits.time, async {
        let fed = async move {
            // A child that ends early reads no further; how it ended says why.
            let fed = input.write_all(&binary).await;
            drop(input);
            fed.or_else(|error| if error.kind() == io::ErrorKind::BrokenPipe { Ok(()) } else { Err(error) })
        };
        // Each stream is closed as soon as it has said too much, which ends a child that goes on.
        let code = read(output, MAX_CODE_BYTES + 1);
        let story = read(errors, MAX_STORY_BYTES);
        let ((), code, story) = tokio::try_join!(fed, code, story)?;
        io::Result::Ok((child.wait().await?, code, story))
    });
    let (status, code, story) = match ended.await {
        Ok(ended) => ended.map_err(failed)?,
        Err(_) => {
            child.kill().await.map_err(failed)?;
            return Err(CompileError::Time(limits.time));
        }
    };
    let story = String::from_utf8_lossy(&story).trim().to_owned();
    let code_of_exit = status.code().and_then(|code| u8::try_from(code).ok());
    match (code_of_exit, status.signal()) {
        (Some(0), _) if code.len() as u64 > MAX_CODE_BYTES => {
            Err(CompileError::Ended { status, story: "too much code".into() })
        }
        (Some(0), _) => Ok(Code::compiled(code)),
        (Some(INVALID), _) => Err(CompileError::Invalid(wasmtime::Error::msg(story))),
        (Some(OUT_OF_MEMORY), _) => Err(CompileError::Memory(limits.memory)),
        // What Rust says where an allocation fails, before it aborts.
        (_, Some(_)) if story.contains("memory allocation of") => Err(CompileError::Memory(limits.memory)),
        (_, Some(signal)) if signal == Signal::XCPU.as_raw() => Err(CompileError::Time(limits.time)),
        _ => Err(CompileError::Ended { status, story }),
    }
}

async fn read(from: impl AsyncRead + Unpin, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(most).read_to_end(&mut bytes).await?;
    Ok(bytes)
}

/// The file that this process runs, even where another lies in its place since.
fn program() -> io::Result<std::path::PathBuf> {
    let own = Path::new("/proc/self/exe");
    if own.exists() { Ok(own.to_owned()) } else { std::env::current_exe() }
}

fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, |cores| cores.get().min(MAX_THREADS))
}

/// How the child ended, for the host that started it.
#[derive(Debug)]
pub struct CompileFailure {
    pub code: u8,
    pub story: String,
}

/// The child: bounds itself, reads a component from standard input, writes machine code to standard output.
pub fn compile_standard_input(memory: u64, cpu: u64) -> Result<(), CompileFailure> {
    compile(memory, cpu).map_err(|error| {
        let lacks_memory = error.is::<OutOfMemory>()
            || error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::OutOfMemory);
        CompileFailure { code: if lacks_memory { OUT_OF_MEMORY } else { INVALID }, story: format!("{error:#}") }
    })
}

fn compile(memory: u64, cpu: u64) -> wasmtime::Result<()> {
    bound(memory, cpu)?;
    let mut binary = Vec::new();
    io::stdin().lock().take(MAX_COMPONENT_BYTES).read_to_end(&mut binary)?;
    let code = for_compiling()?.precompile_component(&binary)?;
    io::stdout().lock().write_all(&code)?;
    Ok(())
}

/// Private memory is what counts, not address space: allocators reserve more of that than they use.
fn bound(memory: u64, cpu: u64) -> io::Result<()> {
    for (resource, most) in [
        (Resource::Data, memory),
        (Resource::Cpu, cpu),
        (Resource::Core, 0),
        (Resource::Fsize, 0),
        (Resource::Nofile, 32),
    ] {
        // One more is what kills: the lesser limit of computing time says by its own signal that it was that.
        rustix::process::setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most.saturating_add(1)) })?;
    }
    rustix::process::nice(NICE)?;
    // The death of a parent is that of the thread that started the child, which may end while the host goes on: so a host
    // that is killed leaves a compiler behind until it has no more time, or nobody to write to.
    rustix::thread::set_no_new_privs(true)?;
    Ok(())
}
