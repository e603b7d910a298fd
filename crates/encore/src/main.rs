//! The `encore` program: reads the command line, does what it says, prints what went wrong.

use clap::Parser;
use encore::{
    cli::{Cli, Command},
    prepare::{Refresh, prepare},
};
use std::process::ExitCode;

fn main() -> ExitCode {
    match run(Cli::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Serve(args) => {
            encore::logs::init_json();
            tokio::runtime::Runtime::new()?.block_on(encore::serve(args))
        }
        Command::Prepare(args) => {
            let tracks = prepare(&args, Refresh::Library, &|progress| println!("{progress}"))?;
            println!("{tracks} tracks ready in {}", args.data.display());
            Ok(())
        }
    }
}
