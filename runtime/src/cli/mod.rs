//! The command line. Results go to standard output, everything else to standard error.

#![expect(clippy::disallowed_methods, reason = "the command line owns the terminal")]

mod approve;
mod approved;
mod audit;
mod call;
mod doctor;
mod evidence;
mod exit;
mod load;
mod mirror;
mod mock_upstream;
mod open_files;
mod otlp;
mod persons;
mod quarantine;
mod redact;
mod reload;
mod review;
mod schema;
mod serve;
pub mod settings;
mod shards;
pub mod start;
mod unmatched;

use std::io::IsTerminal;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, CommandFactory, Parser, Subcommand};
use tracing_subscriber::EnvFilter;

use crate::shard::{COMPILE_COMMAND, CompileFailure, compile_standard_input};
use exit::Exit;
use settings::Flags;

#[derive(Parser)]
#[command(name = "nexus", version, about, after_help = exit::HELP, max_term_width = 100)]
struct Cli {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Command,
}

/// A host for MCP tools that run as sandboxed WebAssembly components.
#[derive(Args)]
struct Common {
    /// Settings file [default: nexus.toml in the working directory, if there is one]
    #[arg(long, global = true, value_name = "FILE", env = "NEXUS_CONFIG")]
    config: Option<PathBuf>,
    /// Answer requests from mock data, whatever the settings say
    #[arg(long, global = true, conflicts_with = "live")]
    mock: bool,
    /// Send requests to the real systems, whatever the settings say
    #[arg(long, global = true)]
    live: bool,
    /// Folder that holds one folder per shard; may be given several times
    #[arg(long = "shards", global = true, value_name = "FOLDER")]
    folders: Vec<PathBuf>,
    /// Where the audit record is kept
    #[arg(long, global = true, value_name = "FILE")]
    ledger: Option<PathBuf>,
    /// Print JSON instead of text
    #[arg(long, global = true)]
    json: bool,
}

impl Common {
    fn flags(&self, bind: Option<SocketAddr>) -> Flags {
        let mock = match (self.mock, self.live) {
            (true, _) => Some(true),
            (_, true) => Some(false),
            (false, false) => None,
        };
        let (config, shards, ledger) = (self.config.clone(), self.folders.clone(), self.ledger.clone());
        Flags { config, mock, shards, ledger, bind }
    }
}

#[derive(Subcommand)]
enum Command {
    /// Serve MCP clients: over HTTP, or one client over standard input and output
    Serve(serve::Serve),
    /// Call one tool and show what happened
    Call(call::Call),
    /// List shards and their tools, and the shards that stay out with the reason
    Shards(shards::Shards),
    Review(review::ReviewArgs),
    Approve(approve::Approve),
    Quarantine(quarantine::Quarantine),
    Schema(schema::Schema),
    /// Check settings, shards, secrets and the ledger; says what is missing and shows no secret
    Doctor,
    /// Serve the mock upstreams over TLS on loopback, to try live mode without the real systems
    MockUpstream(mock_upstream::MockUpstream),
    /// Read the audit record
    #[command(subcommand)]
    Audit(audit::Audit),
    Redact(redact::Redact),
    /// Print a completion script for a shell
    Completions {
        shell: clap_complete::Shell,
    },
    /// What the program starts itself as, to compile a component
    #[command(name = COMPILE_COMMAND, hide = true)]
    CompileComponent {
        memory: u64,
        cpu: u64,
    },
}

/// Parses the command line, runs it and says with what code the process ends.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    if let Command::CompileComponent { memory, cpu } = cli.command {
        return compile(memory, cpu);
    }
    log_to_stderr();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return Exit::failed("runtime cannot be started", &error).report(cli.common.json),
    };
    let json = cli.common.json;
    let result = runtime.block_on(run(cli));
    // A guest that is being compiled cannot be waited for.
    runtime.shutdown_background();
    match result {
        Ok(code) => code,
        Err(exit) => exit.report(json),
    }
}

/// The host that started this process reads what it says.
#[expect(clippy::disallowed_macros, reason = "the command line owns the terminal")]
fn compile(memory: u64, cpu: u64) -> ExitCode {
    match compile_standard_input(memory, cpu) {
        Ok(()) => ExitCode::SUCCESS,
        Err(CompileFailure { code, story }) => {
            eprint!("{story}");
            ExitCode::from(code)
        }
    }
}

async fn run(cli: Cli) -> Result<ExitCode, Exit> {
    let common = cli.common;
    match cli.command {
        Command::Serve(serve) => serve.run(&common).await,
        Command::Call(call) => call.run(&common).await,
        Command::Shards(shards) => shards.run(&common).await,
        Command::Review(review) => review.run(&common).await,
        Command::Approve(approve) => approve.run(&common).await,
        Command::Quarantine(quarantine) => quarantine.run(&common),
        Command::Schema(schema) => schema.run(),
        Command::Doctor => doctor::run(&common).await,
        Command::MockUpstream(mock) => mock.run(&common).await,
        Command::Audit(audit) => audit.run(&common).await,
        Command::Redact(redact) => redact.run(&common),
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Cli::command(), "nexus", &mut std::io::stdout());
            Ok(ExitCode::SUCCESS)
        }
        Command::CompileComponent { memory, cpu } => Ok(compile(memory, cpu)),
    }
}

fn log_to_stderr() {
    let filter = EnvFilter::try_from_env("NEXUS_LOG").unwrap_or_else(|_| EnvFilter::new("warn,nexus=info,shard=info"));
    let colour = std::io::stderr().is_terminal();
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    log.with_ansi(colour).with_target(false).init();
}

#[cfg(test)]
mod tests;
