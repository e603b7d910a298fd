//! Actions in words, for progress lines.

use super::{Action, Deed, Healing};
use crate::names::Answer;
use std::fmt;

impl fmt::Display for Deed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Action(action) => action.fmt(f),
            Self::Trouble(_) => f.write_str("a trouble of the simulated world"),
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kill { replica } => write!(f, "{replica} was killed (kill -9)"),
            Self::Stop { replica } => write!(f, "{replica} stands still (SIGSTOP)"),
            Self::Continue { replica } => write!(f, "{replica} goes on (SIGCONT)"),
            Self::Deploy { replica, version, from, defects } => {
                write!(f, "{version} took the place of {from} on {replica}{}", with(defects))
            }
            Self::Configure { region, to, from, defects } => {
                write!(f, "configuration {to} took the place of {from} in {region}{}", with(defects))
            }
            Self::Blackhole { region } => write!(f, "nothing gets through to {region}"),
            Self::Thin { region, .. } => write!(f, "the line to {region} is thin"),
            Self::Names { region, answer } => write!(f, "the name {} {}", region.host(), said(*answer)),
            Self::Surge { component, rate } => write!(f, "{rate} more requests a second for {component}"),
            Self::Attack { network, rate } => write!(f, "{rate} wrong passwords a second from {network}"),
            Self::KillHub => f.write_str("the hub was killed (kill -9)"),
            Self::StartHub => f.write_str("the hub was started again"),
            Self::Heal { what } => write!(f, "mended from outside: {}", healed(*what)),
        }
    }
}

fn with(defects: &[String]) -> String {
    if defects.is_empty() { String::new() } else { format!(", with {}", defects.join(", ")) }
}

const fn said(answer: Answer) -> &'static str {
    match answer {
        Answer::Right => "resolves rightly",
        Answer::Wrong => "resolves to a stranger",
        Answer::None => "does not exist any more (NXDOMAIN)",
        Answer::Broken => "does not resolve (SERVFAIL)",
        Answer::Silent => "gets no answer",
    }
}

const fn healed(what: Healing) -> &'static str {
    match what {
        Healing::Network => "the lines",
        Healing::Names => "the names",
        Healing::Surge => "the surge is over",
        Healing::Attack => "the attack is over",
        Healing::Replicas => "the replicas",
        Healing::Everything => "everything",
    }
}
