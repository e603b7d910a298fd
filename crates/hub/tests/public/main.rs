//! The public's interfaces under programs that nobody here wrote: clients of Statuspage's API, readers of feeds and calendars, and
//! axe-core in a browser, a mail server, a reader of web push. What is missing is skipped, and said so; `cargo xtask test` installs it.

use downbeat_hub::{history, reports, settings, view};

mod accessibility;
mod age;
mod banner;
mod browser;
mod bucket;
mod clients;
mod mail;
mod packages;
mod push;
mod stage;
#[path = "../../src/faces/story.rs"]
#[expect(dead_code, reason = "the stories are the faces' own; not all of them are told here")]
mod story;
