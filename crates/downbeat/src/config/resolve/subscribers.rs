//! Who may subscribe, and how mail goes out.

use super::{Check, secret_in};
use crate::config::fault::Complaint;
use crate::config::written::{MailTable, SubscribersTable};
use downbeat_hub::settings::{ChannelKind, MailSettings, MailTls, SubscriberSettings};
use toml::Spanned;

/// `None` only when something is at fault.
pub(super) fn resolve(
    mail: Option<MailTable>,
    table: SubscribersTable,
    check: &Check<'_>,
) -> Option<SubscriberSettings> {
    check_mail_is_there(&table, mail.is_some(), check);
    let mut open_to: Vec<ChannelKind> = table.open_to.into_iter().map(Spanned::into_inner).collect();
    open_to.sort_unstable();
    open_to.dedup();
    let mail = match mail {
        Some(mail) => Some(mail_settings(mail, check)?),
        None => None,
    };
    Some(SubscriberSettings { open_to, mail })
}

fn check_mail_is_there(table: &SubscribersTable, has_mail: bool, check: &Check<'_>) {
    let asks = table.open_to.iter().find(|kind| *kind.get_ref() == ChannelKind::Mail);
    if let Some(kind) = asks.filter(|_| !has_mail) {
        let complaint = Complaint::new("open_to: nobody can subscribe by mail without [mail]");
        check.complain(kind.span(), complaint.hint("[mail]\nhost = \"localhost\"\nfrom = \"status@example.org\""));
    }
}

fn mail_settings(table: MailTable, check: &Check<'_>) -> Option<MailSettings> {
    let login = login(&table, check);
    let usual_port = match table.tls {
        MailTls::Wrapped => 465,
        MailTls::Required => 587,
        MailTls::Off => 25,
    };
    Some(MailSettings {
        host: table.host?.into_inner().to_string(),
        port: table.port.unwrap_or(usual_port),
        tls: table.tls,
        login: login?,
        from: table.from?,
    })
}

/// Both or neither; a password on an open way goes nowhere.
fn login(table: &MailTable, check: &Check<'_>) -> Option<Option<(String, String)>> {
    let password = match (&table.password, &table.password_file) {
        (Some(_), Some(file)) => {
            let complaint = Complaint::new("there is a password and a password_file").hint("keep one of them");
            check.complain(file.span(), complaint);
            return None;
        }
        (Some(password), None) => Some((password.get_ref().0.clone(), password.span())),
        (None, Some(file)) => Some((secret_in(file, "password_file", check)?, file.span())),
        (None, None) => None,
    };
    match (&table.user, password) {
        (None, None) => Some(None),
        (Some(user), Some((_, span))) if table.tls == MailTls::Off => {
            let complaint = Complaint::new(format!("user: {} would log in without TLS", user.get_ref().0));
            check.complain(span, complaint.hint("tls = \"required\""));
            None
        }
        (Some(user), Some((password, _))) => Some(Some((user.get_ref().0.clone(), password))),
        (Some(user), None) => {
            let complaint = Complaint::new("user: there is no password for it").hint("password_file = \"mail.secret\"");
            check.complain(user.span(), complaint);
            None
        }
        (None, Some((_, span))) => {
            check.complain(span, Complaint::new("password: there is no user for it").hint("user = \"status\""));
            None
        }
    }
}
