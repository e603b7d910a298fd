//! `downbeat export`: the status page elsewhere, with or without a running hub.

use super::ConfigArgs;
use crate::config;
use anyhow::{Context, ensure};
use clap::{Args, Subcommand};
use downbeat_hub::export::{to_bucket, to_folder};
use downbeat_hub::settings::BucketSettings;
use std::env;
use std::path::Path;

/// At the end of the help.
pub(super) const EXAMPLES: &str = "\
Examples:
  downbeat export status /var/www/status
  AWS_ACCESS_KEY_ID=… AWS_SECRET_ACCESS_KEY=… AWS_REGION=eu-central-1 \\
      downbeat export status s3://status.example.com/
  AWS_ENDPOINT_URL=https://minio.example … downbeat export status s3://bucket/folder

The files are those that the hub keeps in its data folder, so that this works while it is down. With
[status_page.bucket] in the configuration the hub keeps a bucket up to date by itself.";

/// Bring the page elsewhere.
#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// The status page as static files
    #[command(after_help = EXAMPLES)]
    Status {
        /// A folder, or s3://BUCKET/PREFIX
        target: String,
        #[command(flatten)]
        config: ConfigArgs,
    },
}

/// Does it.
pub(super) async fn run(args: ExportArgs) -> anyhow::Result<()> {
    let What::Status { target, config } = args.what;
    let data = config::load(&config.config)?.hub.data;
    let count = match target.strip_prefix("s3://") {
        Some(place) => to_bucket(&data, bucket(place)?).await?,
        None => to_folder(&data, Path::new(&target))?,
    };
    eprintln!("{count} files are in {target}");
    Ok(())
}

/// The place from the command line, the rest from where all programs for S3 have it.
fn bucket(place: &str) -> anyhow::Result<BucketSettings> {
    let (bucket, prefix) = BucketSettings::place(place).context("read the target")?;
    let variable = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
    let needed = |name: &str| variable(name).with_context(|| format!("{name} is not set"));
    let region = variable("AWS_REGION").or_else(|| variable("AWS_DEFAULT_REGION")).unwrap_or("us-east-1".into());
    let endpoint = variable("AWS_ENDPOINT_URL_S3").or_else(|| variable("AWS_ENDPOINT_URL"));
    let endpoint = endpoint.unwrap_or_else(|| format!("https://s3.{region}.amazonaws.com"));
    let endpoint = endpoint.trim_end_matches('/').to_owned();
    let is_url = endpoint.starts_with("https://") || endpoint.starts_with("http://");
    ensure!(is_url, "AWS_ENDPOINT_URL is no URL: {endpoint}");
    Ok(BucketSettings {
        endpoint,
        bucket,
        prefix,
        region,
        access_key: needed("AWS_ACCESS_KEY_ID")?,
        secret_key: needed("AWS_SECRET_ACCESS_KEY")?,
        session_token: variable("AWS_SESSION_TOKEN"),
    })
}
