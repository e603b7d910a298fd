//! `downbeat encore`: the demo's music service, so that the demo needs no second program.

use anyhow::Context;
use encore::cli::Command;
use encore::prepare::{Refresh, prepare};

/// Does what `encore` would do; it logs as a service of its own.
pub(crate) async fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Serve(args) => encore::serve(args).await,
        Command::Prepare(args) => {
            let data = args.data.clone();
            let made =
                tokio::task::spawn_blocking(move || prepare(&args, Refresh::Library, &|line| println!("{line}")));
            let tracks = made.await.context("cannot prepare the music")??;
            super::output::write(&format!("{tracks} tracks ready in {}\n", data.display()))
        }
    }
}
