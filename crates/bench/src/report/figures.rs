//! Medians, percentiles and how numbers are written.

/// The middle of some figures, or the mean of the middle two; none without figures.
pub(crate) fn median(figures: &[f64]) -> Option<f64> {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    let half = sorted.len() / 2;
    match sorted.len() {
        0 => None,
        length if length % 2 == 1 => Some(sorted[half]),
        _ => Some(f64::midpoint(sorted[half - 1], sorted[half])),
    }
}

/// The smallest figure that such a share of all does not exceed; none without figures.
pub(crate) fn percentile(figures: &[f64], share: f64) -> Option<f64> {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = (share * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied()
}

/// A figure with as many digits as it deserves.
pub(crate) fn number(figure: f64) -> String {
    match figure.abs() {
        0.0..10.0 => format!("{figure:.2}"),
        10.0..100.0 => format!("{figure:.1}"),
        _ => format!("{figure:.0}"),
    }
}

/// A table in Markdown.
pub(crate) fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let head: Vec<String> = head.iter().map(|cell| (*cell).to_owned()).collect();
    let rule = format!("|{}\n", "---|".repeat(head.len()));
    let rows: String = rows.iter().map(|row| line(row)).collect();
    format!("{}{rule}{rows}", line(&head))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians() {
        for (figures, expected) in [(vec![], None), (vec![3.0, 1.0, 2.0], Some(2.0)), (vec![4.0, 1.0], Some(2.5))] {
            assert_eq!(median(&figures), expected);
        }
    }

    #[test]
    fn percentiles_are_figures_that_were_seen() {
        let figures: Vec<f64> = (1..=200).map(f64::from).collect();
        for (share, expected) in [(0.5, 100.0), (0.99, 198.0), (1.0, 200.0)] {
            assert_eq!(percentile(&figures, share), Some(expected));
        }
        assert_eq!(percentile(&[], 0.5), None);
    }

    #[test]
    fn numbers_are_short() {
        for (figure, text) in [(0.514, "0.51"), (13.46, "13.5"), (1369.4, "1369")] {
            assert_eq!(number(figure), text);
        }
    }

    #[test]
    fn a_table_is_markdown() {
        assert_eq!(table(&["a", "b"], &[vec!["1".into(), "2".into()]]), "| a | b |\n|---|---|\n| 1 | 2 |\n");
    }
}
