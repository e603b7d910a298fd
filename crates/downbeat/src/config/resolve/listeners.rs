//! Who listens where: no two on one port, nothing open to strangers by accident, no traffic in circles.

use super::{Check, lands, socket_of};
use crate::config::fault::Complaint;
use crate::config::written::File;
use std::net::SocketAddr;
use toml::Spanned;

/// All listeners of a file with the keys that place them.
fn all(file: &File) -> Vec<(&'static str, &Spanned<SocketAddr>)> {
    let always = [
        ("edge.listen", &file.edge.listen),
        ("edge.admin", &file.edge.admin),
        ("hub.console", &file.hub.console),
        ("hub.status", &file.hub.status),
    ];
    always.into_iter().chain(file.edge.listen_tls.iter().map(|tls| ("edge.listen_tls", tls))).collect()
}

/// Finds everything that is wrong with them.
pub(super) fn check(file: &File, check: &Check<'_>) {
    check_clashes(file, check);
    check_openness(file, check);
    check_circles(file, check);
}

fn check_clashes(file: &File, check: &Check<'_>) {
    let listeners = all(file);
    for (i, (key, address)) in listeners.iter().enumerate() {
        let clash = listeners[..i].iter().find(|(_, other)| overlap(*address.get_ref(), *other.get_ref()));
        if let Some((other, _)) = clash {
            let complaint =
                Complaint::new(format!("{key} and {other} cannot both listen on port {}", address.get_ref().port()));
            check.complain(address.span(), complaint.hint("give one of them another port"));
        }
    }
}

/// True when two listeners want the same port of the same address. Port 0 is a different one each time.
fn overlap(a: SocketAddr, b: SocketAddr) -> bool {
    a.port() == b.port() && a.port() != 0 && (a.ip() == b.ip() || a.ip().is_unspecified() || b.ip().is_unspecified())
}

fn check_openness(file: &File, check: &Check<'_>) {
    let beyond = |address: &Spanned<SocketAddr>| !address.get_ref().ip().is_loopback();
    if beyond(&file.hub.console) && file.hub.token.is_none() {
        let complaint = Complaint::new("the console listens beyond this machine, and there is no token");
        let hint = "add token_file = \"…\" to [hub], or listen on 127.0.0.1 behind a proxy that asks who is there";
        check.complain(file.hub.console.span(), complaint.hint(hint));
    }
    if beyond(&file.edge.admin) && file.edge.settings.drills {
        let complaint = Complaint::new("with drills = true anybody who reaches edge.admin can break the traffic");
        check.complain(file.edge.admin.span(), complaint.hint("keep admin on 127.0.0.1 while drills are allowed"));
    }
}

/// A replica that is the edge itself would be sent its own traffic for ever.
fn check_circles(file: &File, check: &Check<'_>) {
    let of_edge: Vec<SocketAddr> =
        all(file).into_iter().filter(|(key, _)| key.starts_with("edge.")).map(|(_, at)| *at.get_ref()).collect();
    let own = file.components.iter().flat_map(|c| c.replicas.iter().flatten());
    let own = own.filter_map(|r| r.get_ref().origin().map(|o| (r.span(), o)));
    let pool = file.replicas.iter().filter_map(|r| r.url.as_ref().map(|url| (url.span(), url.get_ref())));
    for (span, origin) in own.chain(pool) {
        if socket_of(origin).is_some_and(|to| of_edge.iter().any(|at| lands(to, *at))) {
            let complaint = Complaint::new(format!(
                "{} is the edge itself: it would send its own requests in circles",
                origin.url()
            ));
            check.complain(span, complaint.hint("name the address where the service listens, behind the edge"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overlaps() {
        let table = [
            ("127.0.0.1:80", "127.0.0.1:80", true),
            ("127.0.0.1:80", "127.0.0.2:80", false),
            ("0.0.0.0:80", "127.0.0.2:80", true),
            ("127.0.0.1:80", "[::]:80", true),
            ("127.0.0.1:80", "127.0.0.1:81", false),
            ("127.0.0.1:0", "127.0.0.1:0", false),
        ];
        for (a, b, expected) in table {
            let (first, second) = (a.parse().expect("an address"), b.parse().expect("an address"));
            assert_eq!((overlap(first, second), overlap(second, first)), (expected, expected), "{a} {b}");
        }
    }
}
