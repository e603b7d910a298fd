//! Standard output: data and nothing else. A reader that has seen enough and closes the pipe is no error.

use super::style::{Palette, Style};
use anyhow::Context;
use serde_json::{Map, Value};
use std::io::{ErrorKind, Write};

/// Writes a text as it is.
pub(crate) fn write(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        other => other.context("cannot write to standard output"),
    }
}

/// Writes one JSON value, indented, with a line end.
pub(crate) fn write_json(value: &Value) -> anyhow::Result<()> {
    write(&format!("{value:#}\n"))
}

/// Rows under a title, for people in columns and for programs as objects.
#[derive(Debug)]
pub(crate) struct Table {
    /// What they are: a heading, and the key in JSON.
    pub(crate) title: &'static str,
    /// What each column is: the keys in JSON.
    pub(crate) columns: &'static [&'static str],
    /// The cells.
    pub(crate) rows: Vec<Vec<Value>>,
}

impl Table {
    /// One object a row.
    pub(crate) fn json(&self) -> Value {
        let object = |row: &Vec<Value>| -> Value {
            let cells = self.columns.iter().map(|key| (*key).to_owned()).zip(row.iter().cloned());
            Value::Object(cells.collect::<Map<_, _>>())
        };
        self.rows.iter().map(object).collect()
    }

    /// Aligned columns under a heading.
    pub(crate) fn text(&self, palette: Palette) -> String {
        let head: Vec<String> = self.columns.iter().map(|column| (*column).replace('_', " ")).collect();
        let rows: Vec<Vec<String>> = self.rows.iter().map(|row| row.iter().map(cell).collect()).collect();
        let widths = widths(&head, &rows);
        let mut out = format!("{}\n", palette.paint(Style::Title, self.title));
        out += &palette.paint(Style::Faint, &line(&head, &widths));
        out.push('\n');
        for row in &rows {
            out += &line(row, &widths);
            out.push('\n');
        }
        out
    }
}

/// Several tables, one after the other.
pub(crate) fn write_tables(tables: &[Table]) -> anyhow::Result<()> {
    let palette = Palette::stdout();
    let texts: Vec<String> = tables.iter().filter(|t| !t.rows.is_empty()).map(|t| t.text(palette)).collect();
    write(&texts.join("\n"))
}

fn widths(head: &[String], rows: &[Vec<String>]) -> Vec<usize> {
    let width = |column: usize| rows.iter().chain([&head.to_vec()]).map(|row| row[column].chars().count()).max();
    (0..head.len()).map(|column| width(column).unwrap_or(0)).collect()
}

fn line(cells: &[String], widths: &[usize]) -> String {
    let padded: Vec<String> = cells.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
    format!("  {}", padded.join("  ")).trim_end().to_owned()
}

/// A value as people read it. Whatever could drive a terminal is taken out.
fn cell(value: &Value) -> String {
    match value {
        Value::Null => "-".into(),
        Value::String(text) => printable(text),
        Value::Array(items) if items.is_empty() => "-".into(),
        Value::Array(items) => items.iter().map(cell).collect::<Vec<_>>().join(", "),
        Value::Object(fields) => fields.iter().map(|(k, v)| format!("{k} {}", cell(v))).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

/// A text from elsewhere, without what could drive a terminal.
pub(crate) fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn columns_line_up_and_hostile_text_stays_text() {
        let rows = vec![vec![json!("a"), json!(1)], vec![json!("long\u{1b}[2J"), Value::Null]];
        let table = Table { title: "things", columns: &["name", "per_second"], rows };
        let expected = "things\n  name      per second\n  a         1\n  long\u{fffd}[2J  -\n";
        assert_eq!(table.text(Palette::Plain), expected);
        assert_eq!(table.json()[0], json!({"name": "a", "per_second": 1}));
    }
}
