//! The faces of the hub: the public status page and the operators' console, both drawn from one
//! [`Snapshot`](crate::view::Snapshot).
//!
//! A page is a struct beside its handler and a template of the same name; the public page and its API read from
//! one value, so they cannot disagree. Nothing comes from a third party, scripts are only a convenience, and
//! whatever somebody outside wrote is escaped or rendered from Markdown without raw HTML.

mod answer;
mod assets;
mod claim;
mod console;
mod desk;
mod feature;
mod foreign;
mod html;
mod stamp;
mod status;
#[cfg(test)]
mod story;
mod subscription;
#[cfg(test)]
mod testing;
mod tone;

pub use console::console_routes;
pub(crate) use console::subscriber_routes;
pub use desk::Desk;
pub(crate) use stamp::{Stamp, span};
pub use status::status_routes;
pub(crate) use status::{ComponentChange, File, Phrases, Picture, Shelf, ShelfError, Site, Window, fill, status_face};
pub(crate) use subscription::subscription_routes;
