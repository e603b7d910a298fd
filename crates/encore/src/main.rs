//! The `encore` program: reads the command line, does what it says, prints what went wrong.

use clap::Parser;
use encore::{
    cli::{Cli, Command},
    prepare::{Refresh, prepare},
};

fn main() -> anyhow::Result<()> {
    match Cli::parse().command {
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
