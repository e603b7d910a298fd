//! The `downbeat` program: reads the command line, does what it says, and says what went wrong.

mod cli;
mod config;

use clap::Parser;
use mimalloc::MiMalloc;
use std::process::ExitCode;

/// The edge asks for memory half a dozen times a request; this allocator answers in a third of the system's instructions.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    cli::die_with_parent_if_asked();
    match cli::run(cli::Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => cli::failure::report(&error),
    }
}
