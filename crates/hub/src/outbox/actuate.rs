//! The outside part of a remedy: by HTTP or by a command, as configured, under the remedy's id as the key.
//!
//! HTTP is tried again while nobody answers, because the key makes repeats harmless. A command is run once; it
//! finds the key in `DOWNBEAT_REMEDY`, for the one repeat that a crash of the hub in mid-command can cause.

use super::Tools;
use crate::outbound::{NamedBy, why};
use crate::settings::ActuatorSettings;
use downbeat_core::incident::Outcome;
use downbeat_core::model::{Actuation, RemedyId};
use reqwest::Method;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::process::{Child, Command};

/// What a failed command may say for itself, in bytes.
const WORDS_MAX: u64 = 2_048;
/// Attempts at an actuator that does not answer at all.
const ATTEMPTS: u32 = 3;

/// Has it done by whoever is configured.
pub(super) async fn actuate(tools: &Tools, remedy: RemedyId, actuation: &Actuation) -> Outcome {
    let result = match &tools.settings.actuator {
        None => Err("no actuator is configured".into()),
        Some(ActuatorSettings::Http { url, timeout }) => ask(tools, url, *timeout, remedy, actuation).await,
        Some(ActuatorSettings::Command { restart, roll_back, timeout }) => {
            let template = match actuation {
                Actuation::Restart { .. } => restart,
                Actuation::RollBack { .. } => roll_back,
            };
            run(template, *timeout, remedy, actuation).await
        }
    };
    result.map_or_else(|why| Outcome::Failed { why }, |()| Outcome::Done)
}

async fn ask(tools: &Tools, url: &str, timeout: Duration, id: RemedyId, what: &Actuation) -> Result<(), String> {
    let mut failed = 0;
    loop {
        let request = tools.web.request_text(Method::POST, url, NamedBy::Service);
        let request = request.map_err(|refusal| refusal.to_string())?;
        let request = request.timeout(timeout).header("idempotency-key", id.to_string()).json(what);
        let error = match request.send().await {
            Ok(answer) if answer.status().is_success() => return Ok(()),
            Ok(answer) => return Err(format!("it answered {}", answer.status())),
            Err(error) => why(&error.without_url()),
        };
        failed += 1;
        match tools.pauses.after(failed).filter(|_| failed < ATTEMPTS) {
            Some(pause) => tokio::time::sleep(pause).await,
            None => return Err(error),
        }
    }
}

async fn run(template: &[String], timeout: Duration, id: RemedyId, what: &Actuation) -> Result<(), String> {
    let words = fill(template, what)?;
    let (program, arguments) = words.split_first().ok_or("no command is configured for it")?;
    let child = Command::new(program)
        .args(arguments)
        .env("DOWNBEAT_REMEDY", id.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| format!("cannot run {program}: {error}"))?;
    // On a time-out the child is dropped, and with it killed.
    let ended = tokio::time::timeout(timeout, wait(child)).await;
    ended.map_err(|_| format!("{program} was not done after {} s and was killed", timeout.as_secs_f64()))?
}

async fn wait(mut child: Child) -> Result<(), String> {
    let mut words = Vec::new();
    if let Some(errors) = &mut child.stderr {
        // What cannot be read is only missing from the message. The rest is drained, or the child would block.
        drop((&mut *errors).take(WORDS_MAX).read_to_end(&mut words).await);
        drop(tokio::io::copy(errors, &mut tokio::io::sink()).await);
    }
    let status = child.wait().await.map_err(|error| error.to_string())?;
    if status.success() {
        return Ok(());
    }
    Err(format!("{status}: {}", String::from_utf8_lossy(&words).trim()))
}

/// Fills the placeholders in. A value that could pass for an option is refused.
fn fill(template: &[String], actuation: &Actuation) -> Result<Vec<String>, String> {
    let values = match actuation {
        Actuation::Restart { replica } => vec![("{replica}", replica.to_string())],
        Actuation::RollBack { slice, from, to } => {
            vec![("{slice}", slice.to_string()), ("{from}", from.to_string()), ("{to}", to.to_string())]
        }
    };
    if let Some((place, value)) = values.iter().find(|(_, value)| value.starts_with('-')) {
        return Err(format!("{place} is {value:?}, which a command would take for an option"));
    }
    let fill = |word: &String| values.iter().fold(word.clone(), |word, (place, value)| word.replace(place, value));
    Ok(template.iter().map(fill).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use downbeat_core::model::{IncidentId, Name};

    const ID: RemedyId = RemedyId { incident: IncidentId(3), count: 1 };

    fn restart(replica: &str) -> Actuation {
        Actuation::Restart { replica: Name::new(replica).expect("a name") }
    }

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn placeholders_are_filled_and_options_refused() {
        let filled = fill(&words(&["systemctl", "restart", "encore@{replica}"]), &restart("eu-1"));
        assert_eq!(filled, Ok(words(&["systemctl", "restart", "encore@eu-1"])));
        assert!(fill(&words(&["kill", "{replica}"]), &restart("-9")).is_err());
        let back = Actuation::RollBack {
            slice: "version=1.5.0".parse().expect("a slice"),
            from: Name::new("1.5.0").expect("a name"),
            to: Name::new("1.4.2").expect("a name"),
        };
        let filled = fill(&words(&["roll", "{slice}", "{from}", "{to}", "{other}"]), &back);
        assert_eq!(filled, Ok(words(&["roll", "version=1.5.0", "1.5.0", "1.4.2", "{other}"])));
    }

    async fn outcome(command: &[&str], timeout: Duration) -> Result<(), String> {
        run(&words(command), timeout, ID, &restart("eu-1")).await
    }

    #[tokio::test]
    async fn commands_end_well_badly_late_or_not_at_all() {
        let long = Duration::from_secs(60);
        let sees_key = r#"test "$DOWNBEAT_REMEDY" = 3.1 && test "$1" = eu-1"#;
        assert_eq!(outcome(&["sh", "-c", sees_key, "sh", "{replica}"], long).await, Ok(()));
        let said = outcome(&["sh", "-c", "echo no such unit >&2; exit 5"], long).await.expect_err("failed");
        assert!(said.contains('5') && said.contains("no such unit"), "{said}");
        let said = outcome(&["sleep", "1000"], Duration::from_millis(100)).await.expect_err("late");
        assert!(said.contains("killed"), "{said}");
        let said = outcome(&["no-such-program"], long).await.expect_err("absent");
        assert!(said.contains("cannot run no-such-program"), "{said}");
        assert!(outcome(&[], long).await.is_err());
        let flood = "i=0; while [ $i -lt 3000 ]; do echo 0123456789012345678901234567890123456789 >&2; i=$((i+1)); done; exit 1";
        let said = outcome(&["sh", "-c", flood], long).await.expect_err("failed");
        assert!(said.len() < 3_000, "{} bytes", said.len());
    }
}
