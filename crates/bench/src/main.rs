//! Runs the edge side by side with its peers, and Downbeat beside others that watch, and writes down what each costs, loses
//! and sees.
//!
//! `cargo xtask bench edge`, `bench confirm`, `bench public` and `bench probes` build everything and start this in a network of its own. Nothing here knows our other
//! crates: the edge is a program like the others.

mod confirm;
mod edge;
mod load;
mod measure;
mod probes;
mod process;
mod public;
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
    /// Measure how soon Downbeat and others tell of a fault
    Confirm(confirm::Options),
    /// Measure what looking at thousands of targets costs
    Probes(probes::Options),
    /// Measure what telling the public costs
    Public(public::Options),
    /// Be a server for them to stand in front of
    #[command(hide = true)]
    Upstream(upstream::Options),
}

fn main() -> anyhow::Result<()> {
    match Arguments::parse().verb {
        Verb::Edge(options) => edge::run(&options),
        Verb::Confirm(options) => confirm::run(&options),
        Verb::Probes(options) => probes::run(&options),
        Verb::Public(options) => public::run(&options),
        Verb::Upstream(options) => upstream::run(&options),
    }
}
