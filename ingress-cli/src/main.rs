//! `ingress-cli`: ask a set of Kubernetes manifests where a request goes.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use ingress_cli::commands::{Exit, code, simulate};

/// Ask a set of Kubernetes Ingress manifests where a request goes, without a cluster.
#[derive(Debug, Parser)]
#[command(name = "ingress-cli", version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Simulate(Box<simulate::SimulateArgs>),
    Code(code::CodeArgs),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = match &cli.command {
        Command::Simulate(args) => simulate::run(args, &std::io::stdout()),
        Command::Code(args) => code::run(args, &mut std::io::stdout().lock()),
    };
    match done {
        Ok(exit) => exit.into(),
        // Whoever reads the output has seen enough.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            anstream::eprintln!("error: cannot write the output: {error}");
            Exit::Usage.into()
        }
    }
}
