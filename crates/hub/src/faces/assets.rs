//! The few files that pages refer to, built into the binary: no third party, no font from elsewhere.

/// The public page's look.
pub(crate) const STATUS_CSS: &str = include_str!("../../templates/assets/status.css");
/// Refreshes the public page; it works without.
pub(crate) const STATUS_JS: &str = include_str!("../../templates/assets/status.js");
/// The state as a line on other pages.
pub(crate) const EMBED_JS: &str = include_str!("../../templates/assets/embed.js");
/// Subscribes a browser.
pub(crate) const PUSH_JS: &str = include_str!("../../templates/assets/push.js");
/// Shows a browser what it is told, also while no page is open.
pub(crate) const PUSH_WORKER_JS: &str = include_str!("../../templates/assets/push-worker.js");
/// The look of the pages about subscriptions, on top of the public page's.
pub(crate) const SUBSCRIPTION_CSS: &str = include_str!("../../templates/assets/subscription.css");
/// The report button on other pages, and the work for tokens.
pub(crate) const REPORT_JS: &str = include_str!("../../templates/assets/report.js");
/// The console's look.
pub(crate) const CONSOLE_CSS: &str = include_str!("../../templates/assets/console.css");
/// Keeps the console live; it works without.
pub(crate) const CONSOLE_JS: &str = include_str!("../../templates/assets/console.js");
/// The mark.
pub(crate) const FAVICON: &str = include_str!("../../templates/assets/favicon.svg");
