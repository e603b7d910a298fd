//! The command line. Each value is checked while it is parsed; what comes out can be used as it is.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use clap::{Args, Parser, Subcommand};

use crate::{
    defect::{self, Defect},
    units::{ByteSize, parse_duration},
};

/// Encore, a small music-streaming service.
#[derive(Debug, Parser)]
#[command(
    name = "encore",
    version,
    about,
    after_help = "Try it: encore serve, then open http://127.0.0.1:9001 and log in as demo / demo."
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run one replica until SIGTERM or SIGINT
    Serve(ServeArgs),
    /// Make the data directory ready, so that replicas sharing it start at once
    ///
    /// Without --library, six demo tracks are composed, rendered and encoded (some seconds, about 45 MB). With
    /// --library, run it again whenever files were added: known ones keep their ids.
    Prepare(DataArgs),
}

/// Where the data is and what it is made of.
#[derive(Debug, Clone, Args)]
pub struct DataArgs {
    /// Folder for catalogue, media, database and secret; may be shared by replicas on one machine
    #[arg(long, value_name = "DIR", default_value = "encore-data")]
    pub data: PathBuf,

    /// Folder of audio files (flac, mp3, ogg, wav, m4a) to serve; without it, demo music is made
    #[arg(long, value_name = "DIR")]
    pub library: Option<PathBuf>,

    /// Shorten each demo track to this many seconds (default: as composed, 75 to 120)
    #[arg(long, value_name = "SECONDS", value_parser = parse_demo_seconds)]
    pub demo_seconds: Option<f32>,

    /// File with the secret that signs sessions, at least 16 bytes (default: made once in the data folder)
    #[arg(long, value_name = "FILE")]
    pub secret_file: Option<PathBuf>,

    /// Memory that hashing a new password takes, as in 1MiB; less is faster and weaker
    #[arg(long, value_name = "SIZE", default_value = "19MiB")]
    pub argon2_memory: ByteSize,
}

/// How one replica runs.
#[derive(Debug, Clone, Args)]
pub struct ServeArgs {
    /// Address to listen on; port 0 takes a free one, which the log line "listening" names
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9001")]
    pub listen: SocketAddr,

    /// Data and library.
    #[command(flatten)]
    pub data: DataArgs,

    /// Region this replica is in; sent with every answer as x-encore-region
    #[arg(long, value_name = "NAME", default_value = "eu", value_parser = parse_name)]
    pub region: String,

    /// Name of this replica; sent as x-encore-replica
    #[arg(long, value_name = "NAME", default_value = "eu-1", value_parser = parse_name)]
    pub replica: String,

    /// Release this replica claims to run; sent as x-encore-version
    #[arg(long, value_name = "VERSION", default_value = env!("CARGO_PKG_VERSION"), value_parser = parse_name)]
    pub version: String,

    /// Database connections, 1 to 64; with the latency they bound what this replica can do
    #[arg(long, value_name = "COUNT", default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=64))]
    pub db_pool: u8,

    /// Time added to each database query while it holds its connection, as in 8ms
    #[arg(long, value_name = "DURATION", default_value = "0ms", value_parser = parse_duration)]
    pub db_latency: Duration,

    /// Misbehave in this way; may be given several times
    #[arg(long = "defect", value_name = "NAME[=VALUE]", long_help = defect_help())]
    pub defects: Vec<Defect>,
}

fn defect_help() -> String {
    format!("Misbehave in this way; may be given several times:\n{}", defect::known_list())
}

/// Names travel in headers and labels: 1 to 64 of letters, digits, `.`, `-`, `_`, `+`.
fn parse_name(text: &str) -> Result<String, String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || ".-_+".contains(c);
    match (1..=64).contains(&text.len()) && text.chars().all(allowed) {
        true => Ok(text.into()),
        false => Err("1 to 64 letters, digits, `.`, `-`, `_` or `+`".into()),
    }
}

fn parse_demo_seconds(text: &str) -> Result<f32, String> {
    match text.parse() {
        Ok(seconds) if (0.5..=120.0).contains(&seconds) => Ok(seconds),
        _ => Err("a number from 0.5 to 120".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_replica_is_described_in_one_line() {
        let line = "encore serve --listen 127.0.0.1:9001 --data d --region eu --replica eu-1 --version 1.4.2 \
                    --db-pool 4 --db-latency 8ms --argon2-memory 1MiB --defect slow=800ms --defect cpu-burn";
        let cli = Cli::try_parse_from(line.split_whitespace()).expect("a good line");
        let Command::Serve(args) = cli.command else { panic!("serve was asked for") };
        assert_eq!((args.version.as_str(), args.db_latency), ("1.4.2", Duration::from_millis(8)));
        assert_eq!(args.defects, [Defect::Slow(Duration::from_millis(800)), Defect::CpuBurn]);
    }

    #[test]
    fn bad_lines_are_refused_with_a_hint() {
        let rows = [
            ("serve --data", "--data <DIR>"),
            ("serve --data d --db-pool 0", "1..=64"),
            ("serve --data d --db-latency 8", "us, ms, s, m"),
            ("serve --data d --region e\u{fc}", "letters, digits"),
            ("serve --data d --defect gremlins", "login-errors=0.3"),
            ("prepare --data d --demo-seconds 0", "from 0.5"),
        ];
        for (line, hint) in rows {
            let words = ["encore"].into_iter().chain(line.split(' '));
            let error = Cli::try_parse_from(words).expect_err(line).to_string();
            assert!(error.contains(hint), "{line}: {error}");
        }
    }
}
