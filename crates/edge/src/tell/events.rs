//! What the edge tells its log: one function for each event, here and nowhere else.
//!
//! WARN: went on anyway. INFO: a state changed. DEBUG: one request.

use crate::admit::calm::Excess;
use crate::change::plan::PlanRefusal;
use crate::change::store::StoreError;
use crate::change::trial::Breach;
use crate::choose::health::Standing;
use crate::door::tls::TlsFault;
use crate::run::reload::ReloadError;
use crate::tell::hub::HubError;
use downbeat_core::model::{FailureKind, Name};
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::time::Duration;
use tracing::{debug, info, warn};

pub(crate) fn edge_started(name: &Name, address: SocketAddr, threads: usize) {
    info!(edge = %name, %address, threads, "edge started");
}

pub(crate) fn edge_stopped(name: &Name) {
    info!(edge = %name, "edge stopped");
}

pub(crate) fn configuration_reloaded(generation: u64) {
    info!(generation, "configuration reloaded");
}

pub(crate) fn configuration_refused(error: &ReloadError) {
    warn!(%error, "configuration refused; going on with the old one");
}

pub(crate) fn configuration_passed(generation: u64) {
    info!(generation, "configuration passed its trial");
}

pub(crate) fn configuration_breached(generation: u64, breach: &Breach) {
    tracing::error!(generation, %breach, "configuration did not pass its trial");
}

pub(crate) fn configuration_returned(from: u64, to: u64) {
    tracing::error!(quarantined = from, generation = to, "went back to the configuration before");
}

pub(crate) fn configuration_stays(generation: u64, error: &ReloadError) {
    tracing::error!(generation, %error, "the configuration before cannot come back; going on");
}

pub(crate) fn replica_ejected(component: &Name, replica: &Name, kind: FailureKind, span: Duration) {
    info!(%component, %replica, ?kind, ?span, "replica ejected");
}

pub(crate) fn standing_changed(replica: &Name, standing: Standing, failure: Option<FailureKind>) {
    info!(%replica, ?standing, ?failure, "replica's standing changed");
}

pub(crate) fn version_seen(replica: &Name, version: &Name) {
    info!(%replica, %version, "replica told its version");
}

pub(crate) fn body_resumed(component: &Name, from: &Name, to: &Name, kind: FailureKind) {
    info!(%component, %from, %to, ?kind, "body resumed on another replica");
}

pub(crate) fn body_cut(component: &Name, replica: &Name, kind: FailureKind) {
    warn!(%component, %replica, ?kind, "body cut short: no replica could prove the rest of it");
}

pub(crate) fn request_failed(component: &Name, status: u16) {
    debug!(%component, status, "request answered by the edge itself");
}

pub(crate) fn plan_applied(epoch: u64) {
    info!(epoch, "traffic plan applied");
}

pub(crate) fn plan_restored(epoch: u64) {
    info!(epoch, "traffic plan restored from disk");
}

pub(crate) fn hold_began(reason: &str) {
    warn!(reason, "automation is on hold at this edge: no plan that asks for more is taken");
}

pub(crate) fn hold_ended() {
    info!("automation is no longer on hold at this edge");
}

pub(crate) fn plan_refused(epoch: u64, refusal: &PlanRefusal) {
    warn!(epoch, %refusal, "traffic plan refused");
}

pub(crate) fn file_passed_over(error: &StoreError) {
    warn!(%error, "stored file passed over");
}

pub(crate) fn file_not_written(error: &StoreError) {
    warn!(%error, "file not written; serving from memory");
}

pub(crate) fn disk_behind() {
    warn!("disk behind; a file was not written");
}

pub(crate) fn hub_lost(error: &HubError) {
    warn!(%error, "hub lost; going on with the plan in force");
}

pub(crate) fn hub_back() {
    info!("hub reached");
}

pub(crate) fn addresses_adopted(host: &Name, addresses: &[IpAddr]) {
    info!(%host, ?addresses, "addresses adopted");
}

pub(crate) fn addresses_held(host: &Name, kind: FailureKind) {
    warn!(%host, ?kind, "last good addresses held against the name's word");
}

pub(crate) fn addresses_released(host: &Name) {
    info!(%host, "name and addresses agree again");
}

pub(crate) fn access_log_not_reopened(error: &std::io::Error) {
    warn!(%error, "access log not opened anew; going on with the old file");
}

pub(crate) fn accept_failed(error: &std::io::Error) {
    warn!(%error, "connection not accepted");
}

pub(crate) fn certificates_adopted(count: usize) {
    info!(count, "certificates changed on disk and taken up");
}

pub(crate) fn certificates_refused(fault: &TlsFault) {
    let hint = match fault {
        TlsFault::Certificate(fault) => fault.hint(),
        _ => "",
    };
    tracing::error!(%fault, hint, "certificates changed on disk and refused; the old ones are still shown");
}

pub(crate) fn certificate_expired(file: &Path) {
    warn!(file = %file.display(), "certificate has expired; clients will not take it");
}

pub(crate) fn arrival_failed(peer: IpAddr, why: &dyn std::fmt::Display) {
    debug!(%peer, %why, "connection ended before its first request");
}

pub(crate) fn connection_calmed(peer: IpAddr, excess: Excess) {
    warn!(%peer, ?excess, "HTTP/2 connection ended for flooding");
}

pub(crate) fn faults_changed(count: usize) {
    info!(count, "faults changed");
}

pub(crate) fn listener_lost(address: SocketAddr, error: &std::io::Error) {
    tracing::error!(%address, %error, "listener lost; a thread serves nobody");
}
