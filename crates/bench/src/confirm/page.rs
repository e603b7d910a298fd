//! The page: a table for each question, the goals beside the figures.

use super::course::Course;
use super::fault::Fault;
use super::subject::Subject;
use super::{RATE, Results};
use crate::report::{Machine, median, number, table, verdict};
use std::time::Duration;

const OPENING: &str = "\
# Telling of a fault, side by side

Written by `cargo xtask bench confirm`; do not edit. One of three replicas is hit while clients ask through the edge; all
watch the same replicas in the same run, and what counts is when the webhook that calls somebody arrives. The fault comes
at a random moment of everybody's second, and each replica is hit in turn; an answer takes 5 to 15 ms otherwise. Downbeat
decides with its defaults and acts on nothing; that it takes an incident for over after 4 s is configured (`ramp_after`,
`quiet_for`: five minutes each by default), and so is that a probe fails after 500 ms (a second by default). Prometheus
scrapes and evaluates once a second, with rules made for these faults (errors above 2 % of five seconds, nine tenths of the
answers within 500 ms, `up`), Alertmanager waits for nothing; the blackbox exporter and Vigil probe the replicas once a
second, and so does Downbeat. Vigil sums up every ten seconds, and can do no better.
";

const STAGES: &str = "\
## Where Downbeat's time goes

- **Half a second on purpose.** An edge that sees a replica change looks closer (decision 23): twenty checks in a second, and a
  first word to the hub after half a second, the second after three quarters. What was seen in the first alone calls
  nobody, so that a replica which restarts does not.
- **Patience.** A check of a closer look waits a quarter of a second before it takes silence for failure, an attempt a tenth. So what
  hangs or lags is known that much later than what refuses.
- **The second class.** A call needs two classes of evidence, edge and probe. After a few failures or late answers balancing
  prefers the other replicas, so for five seconds of a closer look one request in fifty milliseconds that may be asked twice goes to the
  replica all the same; what hangs is ejected after a handful.
- **Chance.** With 5 % errors a failure comes every half second or less, and tells 5.6 bits; checks meet too few of them. The edge's
  count alone has to be 2.5 bits above the threshold, over three seconds at least.
";

/// Seconds after the healing until it is said to be over.
const CLEARED_GOAL_S: f64 = 10.0;
/// Minutes for which nobody may be called for nothing.
const HEALTHY_GOAL_MIN: u64 = 30;

/// One fault in one line, for whoever waits.
pub(super) fn line(subjects: &[Subject], courses: &[Course]) -> String {
    let each = subjects.iter().zip(courses).map(|(subject, course)| {
        let Course { called, calls, cleared, .. } = course;
        format!("{} {} ({calls} calls, cleared {})", subject.name(), seconds(*called), seconds(*cleared))
    });
    each.collect::<Vec<_>>().join("; ")
}

/// The whole page.
pub(super) fn text(results: &Results, machine: &Machine, load_after: &str) -> String {
    let Machine { processors, kernel, load, revision } = machine;
    let versions: Vec<String> =
        results.subjects.iter().map(|(subject, version)| format!("{} {version}", subject.name())).collect();
    let skipped: String = results.skipped.iter().map(|skip| format!("\nNOT MEASURED: {skip}\n")).collect();
    let rounds = results.faults.len() / Fault::ALL.len();
    let (asked, failed) = results.clients;
    format!(
        "{OPENING}\n## Seconds to the call\n\nMedians of {rounds} at {RATE} requests a second; a fault that was not called \
         while it lasted counts as never.\n\n{}\n## Calls for one fault\n\nMost of any round; one is right.\n\n{}\n## Seconds \
         from the healing to the word that it is over\n\nMedians; who said so before the healing counts with 0.\n\n{}\n## False alarms\n\n{}{skipped}\nClients asked {asked} times, {failed} \
         of them in vain. {}.\n\n{STAGES}\nDownbeat {revision}; {processors} processors, Linux {kernel}, load {load} before and \
         {load_after} after.\n",
        figures(results, &called, Some(Fault::goal_s)),
        figures(results, &calls, Some(|_| 1.0)),
        figures(results, &cleared, Some(|_| CLEARED_GOAL_S)),
        false_alarms(results),
        versions.join(", "),
    )
}

/// A line for each fault, a column for each watcher, and Downbeat's goal.
fn figures(results: &Results, figure: &dyn Fn(&[Course]) -> Option<f64>, goal: Option<fn(Fault) -> f64>) -> String {
    let names = results.subjects.iter().map(|(subject, _)| subject.name());
    let head: Vec<&str> = ["fault"].into_iter().chain(names).chain(["goal", ""]).collect();
    let rows: Vec<Vec<String>> = Fault::ALL
        .into_iter()
        .map(|fault| {
            let all: Vec<Option<f64>> = (0..results.subjects.len())
                .map(|place| {
                    let rounds = results.faults.iter().filter(|(known, _)| *known == fault);
                    figure(&rounds.map(|(_, courses)| courses[place]).collect::<Vec<_>>())
                })
                .collect();
            let goal = goal.map(|goal| goal(fault));
            let met = |goal| all.first().copied().flatten().is_some_and(|ours| ours <= goal);
            let mut row = vec![fault.words().to_owned()];
            row.extend(all.iter().map(|figure| figure.map_or("never".to_owned(), number)));
            row.push(goal.map_or(String::new(), |goal| format!("≤ {goal}")));
            row.push(goal.map_or("", |goal| verdict(met(goal))).to_owned());
            row
        })
        .collect();
    table(&head, &rows)
}

/// The median, where never is later than anything.
fn called(courses: &[Course]) -> Option<f64> {
    middle(courses.iter().map(|course| course.called))
}

/// The median of the rounds in which it called.
fn cleared(courses: &[Course]) -> Option<f64> {
    middle(courses.iter().filter(|course| course.called.is_some()).map(|course| course.cleared))
}

/// The most of any round; none where nobody was ever called.
fn calls(courses: &[Course]) -> Option<f64> {
    courses.iter().map(|course| course.calls).max().filter(|most| *most > 0).map(|most| most as f64)
}

fn middle(times: impl Iterator<Item = Option<Duration>>) -> Option<f64> {
    let times: Vec<f64> = times.map(|time| time.map_or(f64::INFINITY, |time| time.as_secs_f64())).collect();
    median(&times).filter(|middle| middle.is_finite())
}

fn false_alarms(results: &Results) -> String {
    let minutes = results.healthy.as_secs() / 60;
    let rows: Vec<Vec<String>> = results
        .false_alarms
        .iter()
        .map(|(subject, calls)| {
            let word = match (subject, minutes >= HEALTHY_GOAL_MIN || *calls > 0) {
                (Subject::Downbeat, true) => verdict(*calls == 0),
                (Subject::Downbeat, false) => "too short to say",
                _ => "",
            };
            vec![subject.name().to_owned(), calls.to_string(), word.to_owned()]
        })
        .collect();
    let head = ["watcher", "calls", "none in 30 minutes"];
    format!(
        "Healthy traffic in bursts, from a fifth to four times the usual rate, for {minutes} minutes.\n\n{}",
        table(&head, &rows)
    )
}

fn seconds(time: Option<Duration>) -> String {
    time.map_or("never".to_owned(), |time| format!("{:.1} s", time.as_secs_f64()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn course(called: Option<u64>, calls: usize) -> Course {
        Course { called: called.map(Duration::from_secs), calls, ..Course::default() }
    }

    #[test]
    fn never_is_later_than_anything() {
        let table = [
            (vec![Some(1), Some(3), None], Some(3.0)),
            (vec![Some(1), None, None], None),
            (vec![Some(1), None], None),
            (vec![], None),
        ];
        for (times, expected) in table {
            let courses: Vec<Course> = times.iter().map(|time| course(*time, 1)).collect();
            assert_eq!(called(&courses), expected, "{times:?}");
        }
        assert_eq!(calls(&[course(Some(1), 1), course(Some(1), 3)]), Some(3.0));
        assert_eq!(calls(&[course(None, 0)]), None, "silence is not one call");
        assert_eq!(cleared(&[course(None, 0)]), None, "who never called clears nothing");
    }

    #[test]
    fn goals_are_judged() {
        let faults = Fault::ALL.map(|fault| (fault, vec![course(Some(2), 2)])).to_vec();
        let results = Results {
            subjects: vec![(Subject::Downbeat, "1".into())],
            skipped: vec!["Vigil: gone".into()],
            faults,
            false_alarms: vec![(Subject::Downbeat, 0)],
            healthy: Duration::from_secs(60),
            clients: (10, 0),
        };
        let text = text(&results, &Machine::now("at x"), "0");
        for line in [
            "| killed | 2.00 | ≤ 1 | **missed** |",
            "| 5 % errors | 2.00 | ≤ 5 | met |",
            "NOT MEASURED: Vigil: gone",
            "| Downbeat | 0 | too short to say |",
        ] {
            assert!(text.contains(line), "{line} in {text}");
        }
    }
}
