//! Why a request is not understood, or not taken.

/// Why a request is refused, before anybody else has seen it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    /// Not HTTP, or HTTP that two readers could read in two ways.
    #[error("malformed request: {0}")]
    Malformed(&'static str),
    /// The head is too long or has too many fields.
    #[error("the head is too large")]
    HeadTooLarge,
    /// The body is longer than allowed.
    #[error("the body is too large")]
    BodyTooLarge,
    /// The head did not come in time.
    #[error("the request did not come in time")]
    TooSlow,
    /// An expectation other than `100-continue`.
    #[error("the expectation cannot be met")]
    Expectation,
    /// Well-formed, and not spoken here.
    #[error("not implemented: {0}")]
    NotImplemented(&'static str),
    /// Another version than 1.0 and 1.1.
    #[error("this version of HTTP is not spoken here")]
    Version,
}

impl Refusal {
    /// The status that tells it.
    pub(crate) const fn status(&self) -> u16 {
        match self {
            Self::Malformed(_) => 400,
            Self::TooSlow => 408,
            Self::BodyTooLarge => 413,
            Self::Expectation => 417,
            Self::HeadTooLarge => 431,
            Self::NotImplemented(_) => 501,
            Self::Version => 505,
        }
    }
}
