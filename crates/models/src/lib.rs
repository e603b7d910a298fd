//! What the production decisions do in every order of crashes, losses and repeats that a small world allows.
//!
//! Tests throw dice; these models leave nothing out, within their bounds. Each one says in its first lines what part of
//! the product it stands for and what it leaves out. Each has switches for wrong designs, and a test that the checker
//! finds every one of them: a model that cannot fail proves nothing. What was found stands in `docs/models.md`.

pub mod check;
pub mod lifecycle;
pub mod loops;
pub mod outbox;
pub mod protocol;
