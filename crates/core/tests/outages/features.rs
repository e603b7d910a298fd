//! Features of a component that is shed: out with the shed, and back one after another when the component is back.

use super::*;
use downbeat_core::incident::{CommandRefused, Switch};
use downbeat_core::model::{FeatureId, Route};

/// The first to return first.
const FEATURES: [&str; 2] = ["by-name", "by-mood"];

fn feature(feature: &str) -> FeatureId {
    FeatureId { component: name("search"), feature: name(feature) }
}

fn featured() -> Policy {
    let mut policy = policy();
    let search = policy.topology.components.get_mut("search").expect("it is there");
    search.features = FEATURES.map(name).into();
    policy
}

/// The same service, of which nobody has said what it can carry.
fn unproven() -> Policy {
    let mut policy = featured();
    policy.topology.replicas.values_mut().for_each(|replica| replica.proven_per_second = None);
    policy
}

/// What a plan admits of a feature, in percent.
fn admitted(plan: &TrafficPlan, wanted: &str) -> u32 {
    let row = plan.features.iter().find(|row| row.feature.as_str() == wanted);
    row.map_or(100, |row| u32::from(row.admitted) / 100)
}

fn both(book: &Book) -> [u32; 2] {
    FEATURES.map(|wanted| admitted(&book.plan, wanted))
}

impl Toy {
    /// A crowd wants search, until it is shed; then the crowd goes away.
    fn crowded(policy: Policy) -> Self {
        let mut toy = Self::new(policy);
        let networks = ["127.31.0.0/24", "127.32.0.0/24", "127.33.0.0/24"];
        toy.extra = networks.map(|n| ("search", n, 300, Some(FailureKind::Status))).to_vec();
        toy.extra.push(("playback", "127.30.0.0/24", 20, Some(FailureKind::Status)));
        toy.fault = Box::new(|toy, _, _| {
            let beyond = !toy.extra.is_empty() && toy.edge_plan.sheds.is_empty();
            beyond.then_some((FailureKind::Status, 0.4))
        });
        toy.run_until(10, "the shed", |b| !b.plan.sheds.is_empty());
        toy.run(1);
        toy.extra.clear();
        toy
    }

    /// The same, told by an earlier release, which did not write down what is usual, of replicas that have proven nothing: so
    /// nobody knows whether the crowd is gone.
    fn crowded_earlier() -> Self {
        let mut toy = Self::crowded(featured());
        for record in &mut toy.log {
            if let Event::RemedyProposed { remedy, .. } = &mut record.event
                && let Route::Admit { usual, .. } = &mut remedy.route
            {
                *usual = None;
            }
        }
        toy.start_again();
        toy
    }

    fn start_again(&mut self) {
        self.engine = Engine::new(unproven(), channels());
        self.log.iter().for_each(|record| self.engine.apply(record).expect("the log fits"));
        self.write(vec![Event::HubStarted { version: "test".into() }]);
    }

    /// Steps of features: which one, and how much of it is admitted, in percent.
    fn feature_steps(&self) -> Vec<(String, u32)> {
        let step = |record: &Record| match &record.event {
            Event::FeatureStepped { feature, admitted, .. } => {
                Some((feature.feature.to_string(), u32::from(*admitted) / 100))
            }
            _ => None,
        };
        self.log.iter().filter_map(step).collect()
    }
}

fn steps(feature: &str, percent: &[u32]) -> Vec<(String, u32)> {
    percent.iter().map(|percent| (feature.to_owned(), *percent)).collect()
}

const ALL_STEPS: [u32; 6] = [1, 5, 10, 25, 50, 100];

#[test]
fn features_are_out_with_a_shed_and_come_back_with_it_when_the_crowd_is_gone() {
    let mut toy = Toy::crowded(featured());
    let onset = Moment::from_millis(START_MS + 20_000);
    assert_eq!(both(toy.engine.book()), [0, 0], "all of them are out");
    let leftovers = toy.engine.book().plan.leftovers.clone();
    assert_eq!(leftovers, [feature("by-mood"), feature("by-name")], "but for what the shed leaves over");
    toy.run_until(60, "the component", |b| b.plan.sheds.is_empty());
    assert_eq!(both(toy.engine.book()), [100, 100], "what was served with leftovers waits for nothing");
    toy.run_until(120, "the review", reviewed);
    assert_eq!(toy.feature_steps(), [steps("by-name", &[100]), steps("by-mood", &[100])].concat(), "the crowd is gone");
    toy.expect_a_good_end(onset, "overload", "component=search", RemedyKind::Shed);
}

#[test]
fn features_come_back_in_steps_when_nobody_knows_whether_the_crowd_is_gone() {
    let mut toy = Toy::crowded_earlier();
    toy.run_until(180, "the review", reviewed);
    assert_eq!(toy.feature_steps(), [steps("by-name", &ALL_STEPS), steps("by-mood", &ALL_STEPS)].concat());
    let is_step = |r: &&Record| matches!(r.event, Event::FeatureStepped { .. } | Event::RampStepped { .. });
    let times: Vec<Moment> = toy.log.iter().filter(is_step).map(|r| r.at).collect();
    assert!(times.windows(2).all(|pair| pair[1].since(pair[0]) >= Duration::from_secs(2)), "each step has its dwell");
}

#[test]
fn a_step_that_fails_takes_its_feature_out_again_and_leaves_those_before_it_in() {
    let mut toy = Toy::crowded_earlier();
    let is_dear = |toy: &Toy| (1..100).contains(&admitted(&toy.edge_plan, "by-mood"));
    toy.run_until(90, "the second feature", |b| both(b) == [100, 25]);
    toy.fault = Box::new(move |toy, component, _| {
        (component == "search" && is_dear(toy)).then_some((FailureKind::Status, 0.4))
    });
    toy.extra = vec![("search", "127.31.0.0/24", 12, Some(FailureKind::Status))];
    toy.run_until(6, "the second feature to be out again", |b| both(b) == [100, 0]);
    let incident = toy.engine.book().open().next().expect("it goes on");
    assert_eq!((incident.state, incident.relapses), (State::Restoring, 0), "the rest stays as it is");
    let out_at = toy.now;
    toy.extra.clear();
    toy.fault = Box::new(|_, _, _| None);
    toy.run_until(60, "the second feature", |b| both(b) == [100, 1]);
    assert!(toy.now.since(out_at) >= Duration::from_secs(4), "a failed step doubles the dwell");
    toy.run_until(120, "the review", reviewed);
    assert!(toy.engine.book().plan.is_idle());
    let last = toy.feature_steps().split_off(6);
    assert_eq!(last, [steps("by-mood", &[1, 5, 10, 25, 0]), steps("by-mood", &ALL_STEPS)].concat());
}

/// What a person does about a remedy.
type Commands = fn(RemedyId) -> Vec<Command>;

#[test]
fn whatever_ends_a_shed_ends_with_every_feature_in() {
    let remedy = RemedyId { incident: IncidentId(1), count: 1 };
    let ends: [(&str, Commands); 4] = [
        ("undone", |remedy| vec![Command::Undo(remedy)]),
        ("resolved", |remedy| vec![Command::Resolve(remedy.incident)]),
        ("held, taken over and handed back", |remedy| {
            vec![Command::Hold, Command::TakeOver(remedy.incident), Command::HandBack(remedy.incident)]
        }),
        ("left alone", |_| vec![]),
    ];
    for (how, commands) in ends {
        for share in [[0, 0], [100, 25]] {
            let mut toy = Toy::crowded_earlier();
            toy.run_until(90, "the moment", |b| both(b) == share);
            commands(remedy).into_iter().for_each(|command| toy.command("ann", command));
            toy.run_until(120, how, |b| b.plan.is_idle());
            let left: Vec<_> = toy.engine.book().in_force().collect();
            assert_eq!(left, Vec::<&downbeat_core::incident::RemedyCase>::new(), "{how} at {share:?}");
        }
    }
}

#[test]
fn a_hub_that_starts_again_goes_on_where_it_was() {
    let mut toy = Toy::crowded_earlier();
    toy.run_until(90, "the second feature", |b| both(b) == [100, 25]);
    let text = serde_json::to_string(toy.engine.book()).expect("JSON");
    assert_eq!(serde_json::from_str::<Book>(&text).expect("a book"), *toy.engine.book());
    let digest = toy.engine.book().digest();
    let lines = toy.log.len();
    toy.start_again();
    let mut before = Engine::new(unproven(), channels());
    toy.log[..lines].iter().for_each(|record| before.apply(record).expect("the log fits"));
    assert_eq!(before.book().digest(), digest);
    toy.run_until(120, "the review", reviewed);
    assert!(toy.engine.book().plan.is_idle());
}

#[test]
fn a_relapse_of_the_component_takes_all_features_out_again() {
    let mut toy = Toy::crowded_earlier();
    toy.run_until(90, "the second feature", |b| both(b) == [100, 5]);
    // The first failure is taken for the feature's; that it goes on without the feature says that it is not.
    toy.fault = Box::new(|_, component, _| (component == "search").then_some((FailureKind::Status, 0.4)));
    toy.extra = vec![("search", "127.31.0.0/24", 40, Some(FailureKind::Status))];
    toy.run_until(20, "the relapse", |b| b.open().any(|i| i.relapses == 1));
    assert_eq!(both(toy.engine.book()), [0, 0]);
    assert_eq!(toy.engine.book().plan.sheds.len(), 1, "and the shed is back");
}

#[test]
fn a_person_switches_features_off_and_on() {
    let mut toy = Toy::new(featured());
    let switch = |wanted: &str, to| Command::Switch(feature(wanted), to);
    toy.command("ann", switch("by-mood", Switch::Off));
    let lines = toy.log.len();
    toy.command("ann", switch("by-mood", Switch::Off));
    assert_eq!(toy.log.len(), lines, "a repeat changes nothing");
    assert_eq!(both(toy.engine.book()), [100, 0]);
    toy.run(30);
    assert_eq!(both(toy.engine.book()), [100, 0], "it stays off as long as the person wants it");
    assert_eq!(toy.engine.book().incidents.len(), 0);
    toy.command("bob", switch("by-mood", Switch::On));
    assert!(toy.engine.book().plan.is_idle());
    let unknown = toy.engine.command(toy.now, &name("ann"), switch("by-smell", Switch::Off));
    assert_eq!(unknown, Err(CommandRefused::NoFeature(feature("by-smell"))));
}

#[test]
fn a_persons_word_on_features_is_above_a_remedys() {
    let mut toy = Toy::crowded_earlier();
    toy.command("ann", Command::Switch(feature("by-mood"), Switch::Off));
    toy.command("ann", Command::Switch(feature("by-name"), Switch::On));
    assert_eq!(both(toy.engine.book()), [100, 0]);
    toy.run_until(120, "the review", reviewed);
    assert_eq!(toy.feature_steps(), steps("by-mood", &ALL_STEPS), "only what is still out comes back");
    assert_eq!(both(toy.engine.book()), [100, 0], "a person's word is above the remedy's");
    assert!(toy.engine.book().plan.sheds.is_empty());
}
