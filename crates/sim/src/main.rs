//! Runs simulated worlds: `cargo xtask sim` is the door.

use clap::{Parser, Subcommand};
use downbeat_sim::{Extent, Kept, REQUIRED, Tally, campaign, show, show_throws};
use std::io::IsTerminal;
use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A whole service with its outages in virtual time, from a seed.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask sim", after_help = EXAMPLES)]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

/// Most failing worlds that are named.
const LINES_MAX: usize = 100;

const EXAMPLES: &str = "Examples:
  cargo xtask sim worlds                      20,000 worlds, each with its twin without automation
  cargo xtask sim worlds --count 500          a first look
  cargo xtask sim world 42                    one world, told line by line
  cargo xtask sim world 42 --keep 0,2         the same with two of its faults
  cargo xtask sim world 42 --throws           the same outage sixteen times, with other dice";

#[derive(Debug, Subcommand)]
enum Verb {
    /// Run many worlds and say what they come to
    Worlds {
        /// How many
        #[arg(long, default_value_t = 20_000)]
        count: u64,
        /// The first seed
        #[arg(long, default_value_t = 0)]
        from: u64,
        /// On how many threads; as many as there are processors by default
        #[arg(long)]
        threads: Option<usize>,
        /// List every mark with how often it was reached
        #[arg(long)]
        marks: bool,
        /// Fail only when more worlds than this fare worse with automation
        #[arg(long, default_value_t = 0)]
        harmful_max: usize,
    },
    /// Build each seeded bug in and look for it
    #[cfg(feature = "mutations")]
    Mutations {
        /// In how many worlds at most
        #[arg(long, default_value_t = 2_000)]
        worlds: u64,
        /// On how many threads
        #[arg(long, default_value_t = 2)]
        threads: usize,
        /// Only those whose names contain this
        #[arg(long, default_value = "")]
        only: String,
    },
    /// Run one world and tell its story
    World {
        /// Its seed
        seed: u64,
        /// Only these of its faults, by number, separated by commas; `none` for none
        #[arg(long)]
        keep: Option<String>,
        /// Tell instead what becomes of the same outage with sixteen other throws of the dice
        #[arg(long)]
        throws: bool,
        /// With this seeded bug, named as in the list of `mutations`
        #[cfg(feature = "mutations")]
        #[arg(long, value_parser = mutation)]
        bug: Option<downbeat_core::model::mutation::Mutation>,
    },
}

fn main() -> ExitCode {
    match Arguments::parse().verb {
        Verb::Worlds { count, from, threads, marks, harmful_max } => {
            let threads = threads.or_else(|| std::thread::available_parallelism().ok().map(usize::from));
            worlds(Extent { from, worlds: count, threads: threads.unwrap_or(1) }, marks, harmful_max)
        }
        #[cfg(feature = "mutations")]
        Verb::Mutations { worlds, threads, only } => mutations(worlds, threads, &only),
        Verb::World {
            seed,
            keep,
            throws,
            #[cfg(feature = "mutations")]
            bug,
        } => match kept(keep.as_deref()) {
            Ok(kept) => {
                #[cfg(feature = "mutations")]
                downbeat_core::model::mutation::turn(bug);
                if throws {
                    print!("{}", show_throws(seed, &kept));
                    return ExitCode::SUCCESS;
                }
                let (story, held) = show(seed, &kept);
                print!("{story}");
                if held { ExitCode::SUCCESS } else { ExitCode::FAILURE }
            }
            Err(why) => {
                eprintln!("error: {why}");
                ExitCode::from(2)
            }
        },
    }
}

/// The seeded bug of this name.
#[cfg(feature = "mutations")]
fn mutation(name: &str) -> Result<downbeat_core::model::mutation::Mutation, String> {
    let all = downbeat_core::model::mutation::Mutation::ALL;
    all.into_iter().find(|m| format!("{m:?}") == name).ok_or_else(|| format!("there is no seeded bug {name:?}"))
}

fn kept(keep: Option<&str>) -> Result<Kept, String> {
    match keep {
        None => Ok(Kept::All),
        Some("none") => Ok(Kept::Only(vec![])),
        Some(list) => {
            let numbers: Result<Vec<usize>, _> = list.split(',').map(str::parse).collect();
            numbers.map(Kept::Only).map_err(|_| format!("--keep takes numbers like 0,2 or none, not {list:?}"))
        }
    }
}

fn worlds(extent: Extent, marks: bool, harmful_max: usize) -> ExitCode {
    let live = std::io::stderr().is_terminal();
    let tally = campaign(extent, &|done, tally| {
        let last = done == extent.worlds;
        if live && (done % 20 == 0 || last) {
            eprint!("\r{}", progress(done, extent.worlds, tally));
        } else if done % 1_000 == 0 {
            eprintln!("{}", progress(done, extent.worlds, tally));
        }
    });
    if live {
        eprintln!();
    }
    print!("{}", report(&tally, marks));
    let harmful = harmful(&tally);
    let held = tally.failures.len() == harmful && harmful <= harmful_max && missing(&tally).is_empty();
    if held { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Hunts every seeded bug and prints what gave it away.
#[cfg(feature = "mutations")]
fn mutations(worlds: u64, threads: usize, only: &str) -> ExitCode {
    use downbeat_core::model::mutation::Mutation;
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicUsize, Ordering};
    // Some wrong turns make the hub fall over: that is one way to be found.
    std::panic::set_hook(Box::new(|_| ()));
    let chosen: Vec<Mutation> = Mutation::ALL.into_iter().filter(|m| format!("{m:?}").contains(only)).collect();
    let (next, missed) = (AtomicUsize::new(0), Mutex::new(0));
    std::thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            scope.spawn(|| {
                while let Some(mutation) = chosen.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let hunt = downbeat_sim::hunt(*mutation, worlds);
                    let row = format!("{mutation:?}");
                    let spent = format!("{:>6} worlds {:>7.1} s", hunt.worlds, hunt.took.as_secs_f64());
                    match hunt.found {
                        Some((seed, violation, kept)) => {
                            println!(
                                "{row:<28} {spent}  {:<5} seed {seed} faults {kept:?}: {}",
                                violation.invariant, violation.what
                            );
                        }
                        None => {
                            *missed.lock().unwrap_or_else(std::sync::PoisonError::into_inner) += 1;
                            println!("{row:<28} {spent}  not found");
                        }
                    }
                }
            });
        }
    });
    let missed = missed.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    println!("{} of {} seeded bugs found", chosen.len() - missed, chosen.len());
    if missed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn progress(done: u64, of: u64, tally: &Tally) -> String {
    let hours = tally.simulated.as_secs_f64() / 3_600.0;
    format!("{done} of {of} worlds, {hours:.0} h simulated, {:.0} x, {} failed ", tally.speed(), tally.failures.len())
}

/// Fewer worlds than this need not have been everywhere.
const EVERYWHERE_FROM: u64 = 2_000;

fn missing(tally: &Tally) -> Vec<&'static str> {
    if tally.worlds < EVERYWHERE_FROM {
        return vec![];
    }
    REQUIRED.into_iter().filter(|mark| tally.marks.times(mark) == 0).collect()
}

/// Worlds that fare worse with automation.
fn harmful(tally: &Tally) -> usize {
    tally.failures.iter().filter(|failure| failure.violation.invariant == "A18").count()
}

fn report(tally: &Tally, marks: bool) -> String {
    let harmful = harmful(tally);
    let mut lines = vec![
        format!("worlds              {} and as many twins", tally.worlds),
        format!("simulated           {:.0} h", tally.simulated.as_secs_f64() / 3_600.0),
        format!("speed               {:.0} x real time on one processor", tally.speed()),
        format!("faults injected     {}", tally.faults),
        format!("incidents           {}", tally.incidents),
        format!("as many as outages  {}", tally.counted),
        format!("lost by users       {:.0} with automation, {:.0} without", tally.lost.0, tally.lost.1),
        format!(
            "marks reached       {} of {} required, {} in all",
            REQUIRED.len() - missing(tally).len(),
            REQUIRED.len(),
            tally.marks.iter().count()
        ),
        format!("violations          {}", tally.failures.len() - harmful),
        format!("harmful             {harmful}, of {} worlds suspected by one throw of the dice", tally.suspected),
        format!("unlucky             {}: worse for what came after the action, and when it came", tally.unlucky),
    ];
    lines.extend(missing(tally).iter().map(|mark| format!("never reached       {mark}")));
    lines.extend(tally.failures.iter().take(LINES_MAX).map(|failure| {
        let (violation, replay) = (&failure.violation, failure.replay());
        format!("{:<5} {replay:<44} {}", violation.invariant, violation.what)
    }));
    if marks {
        lines.extend(tally.marks.iter().map(|(mark, times)| format!("{times:>10}  {mark}")));
    }
    lines.push(String::new());
    lines.join("\n")
}
