//! What it costs to choose a replica: time and allocations for one pick (with its seat taken and given back), and for
//! taking in one answer, with all replicas well. `cargo bench -p downbeat-edge`.

use divan::{AllocProfiler, Bencher, black_box};
use downbeat_edge::bench::Choice;

#[global_allocator]
static ALLOCATOR: AllocProfiler = AllocProfiler::system();

fn main() {
    divan::main();
}

#[divan::bench(args = [3, 6, 20])]
fn pick(bencher: Bencher<'_, '_>, replicas: usize) {
    let choice = Choice::among(replicas).expect("good names");
    bencher.bench_local(|| black_box(choice.once()));
}

#[divan::bench]
fn answer(bencher: Bencher<'_, '_>) {
    let choice = Choice::among(3).expect("good names");
    bencher.bench_local(|| choice.answered(black_box(1)));
}
