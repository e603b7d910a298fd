//! stub
pub mod playhead;
