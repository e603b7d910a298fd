//! What must hold of every input, whatever its bytes: the bodies of the fuzz targets (invariants C3, H1, H3, H6).
//!
//! Each takes bytes and panics when something does not hold. They are called by `cargo xtask fuzz`, without end and guided by
//! coverage, and by an ordinary test, on every seed and some thousand mutations of it.

mod answer;
#[cfg(test)]
mod bounded;
mod chunks;
mod cuts;
mod http2;
mod plan;
mod proxy;
mod request;
mod target;

pub use answer::answer_head;
pub use chunks::chunked_body;
pub use http2::http2;
pub use plan::traffic_plan;
pub use proxy::proxy_header;
pub use request::{request_head, round_trip};
pub use target::target;
