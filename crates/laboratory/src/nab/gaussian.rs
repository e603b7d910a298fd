//! NAB's own windowed Gaussian, again: to check the scorer against a result that others published.

/// Rows of the window, and by how many it moves.
const WINDOW: usize = 6_400;
const MOVE: usize = 100;

/// One minus the tail's probability of each row under the normal law of the rows before.
pub(crate) fn scores(values: &[f64]) -> Vec<f64> {
    let (mut window, mut waiting): (Vec<f64>, Vec<f64>) = (vec![], vec![]);
    let (mut mean, mut deviation) = (0.0, 1.0);
    let mut out = vec![];
    for value in values {
        out.push(if window.is_empty() { 0.0 } else { 1.0 - tail(((value - mean) / deviation).abs()) });
        if window.len() < WINDOW {
            window.push(*value);
        } else {
            waiting.push(*value);
            if waiting.len() < MOVE {
                continue;
            }
            window.drain(..MOVE);
            window.append(&mut waiting);
        }
        let n = window.len() as f64;
        mean = window.iter().sum::<f64>() / n;
        deviation = (window.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n).sqrt();
        if deviation == 0.0 {
            deviation = 0.000_001;
        }
    }
    out
}

/// The normal law's upper tail: a series near the middle, a continued fraction in the tail, each to ten digits.
fn tail(z: f64) -> f64 {
    let density = (-0.5 * z * z).exp() / std::f64::consts::TAU.sqrt();
    if z > 3.0 {
        let fraction = (1..=60).rev().fold(z, |rest, k| z + f64::from(k) / rest);
        return density / fraction;
    }
    let (mut term, mut sum) = (z, z);
    for k in 1..100 {
        term *= z * z / f64::from(2 * k + 1);
        sum += term;
    }
    0.5 - density * sum
}

#[cfg(test)]
mod tests {
    use super::tail;

    #[test]
    fn the_tail_is_the_normal_laws() {
        let known =
            [(0.0, 0.5), (1.0, 0.158_655_253_931_457), (2.9, 0.001_865_813_300_384), (3.1, 0.000_967_603_213_218)];
        for (z, expected) in known.into_iter().chain([(7.0, 1.279_812_543_885_9e-12)]) {
            assert!((tail(z) / expected - 1.0).abs() < 1e-9, "{z}: {}", tail(z));
        }
    }
}
