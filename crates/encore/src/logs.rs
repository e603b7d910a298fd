//! Logs: one JSON object a line, on stderr, for machines first and people second.

use tracing_subscriber::{EnvFilter, fmt, layer::SubscriberExt, util::SubscriberInitExt};

/// Starts logging for this process. `RUST_LOG` chooses levels (default `info`); a second call does nothing.
pub fn init_json() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let lines = fmt::layer().json().flatten_event(true).with_target(false).with_writer(std::io::stderr);
    // Whoever embeds this service may have set up logging of their own, which then stays.
    drop(tracing_subscriber::registry().with(filter).with(lines).try_init());
}
