//! Runs the edge side by side with its peers, and writes down what each costs and loses.
//!
//! `cargo xtask bench edge` builds everything and starts this in a network of its own. Nothing here knows our other
//! crates: the edge is a program like the others.

mod edge;
mod load;
mod measure;
mod process;
mod report;
mod subject;
mod upstream;

use clap::{Parser, Subcommand};

/// The edge side by side with its peers.
#[derive(Parser)]
#[command(name = "downbeat-bench")]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Measure the edge and its peers
    Edge(edge::Options),
    /// Be a server for them to stand in front of
    #[command(hide = true)]
    Upstream(upstream::Options),
}

fn main() -> anyhow::Result<()> {
    match Arguments::parse().verb {
        Verb::Edge(options) => edge::run(&options),
        Verb::Upstream(options) => upstream::run(&options),
    }
}
