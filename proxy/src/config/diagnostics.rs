//! What is wrong with a file, said so that it can be put right: where, what was expected, what may have been meant.
//! Finding it is the business of the other modules.

use std::fmt;

/// Mistakes of one file, in the file's order.
#[derive(Debug)]
pub struct Diagnostics {
    /// The file's name as the user gave it.
    pub(super) origin: String,
    text: String,
    list: Vec<Diagnostic>,
}

/// One mistake.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Diagnostic {
    /// Where in the tree, `routes[0].hold`; empty for the file as a whole.
    pub path: String,
    /// What is wrong, and what was expected.
    pub message: String,
    /// What may help.
    pub help: Option<String>,
    /// Where in the text, unless it is the file as a whole.
    pub place: Option<Place>,
}

/// A stretch of one line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Place {
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    /// In characters; at least 1.
    pub width: usize,
}

/// Whether to write escape codes for colours.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Colour {
    /// For files and pipes.
    Plain,
    /// For terminals.
    Ansi,
}

/// A value that stands in the file and should not: its line is not shown, which may go to a log.
pub(super) const PLAIN_SECRET: &str = "a secret does not belong in this file";

/// The most of a source line that is shown, in characters.
const SHOWN_MAX: usize = 120;

impl Diagnostics {
    pub(super) fn new(origin: &str, text: &str, mut list: Vec<Diagnostic>) -> Self {
        list.sort_by_key(|diagnostic| diagnostic.place.map(|place| (place.line, place.column)));
        Self { origin: origin.to_owned(), text: text.to_owned(), list }
    }

    /// The mistakes, in the file's order.
    pub fn list(&self) -> &[Diagnostic] {
        &self.list
    }

    /// All of them as text for a person, each with its source line.
    pub fn render(&self, colour: Colour) -> String {
        let lines: Vec<&str> = self.text.lines().collect();
        let mut out = String::new();
        for diagnostic in &self.list {
            diagnostic.render(&self.origin, &lines, &Paint(colour), &mut out);
            out.push('\n');
        }
        let count = self.list.len();
        let mistakes = if count == 1 { "mistake" } else { "mistakes" };
        out + &format!("{}: {count} {mistakes}\n", self.origin)
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(Colour::Plain))
    }
}

impl std::error::Error for Diagnostics {}

/// On one line, without what the file says there: `routes[0].hold (line 7, column 3): …`.
impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path)?;
        if let Some(Place { line, column, .. }) = self.place {
            write!(f, " (line {line}, column {column})")?;
        }
        let colon = if self.path.is_empty() { "" } else { ": " };
        write!(f, "{colon}{}", self.message)?;
        self.help.iter().try_for_each(|help| write!(f, " ({help})"))
    }
}

impl Diagnostic {
    fn render(&self, origin: &str, lines: &[&str], paint: &Paint, out: &mut String) {
        let colon = if self.path.is_empty() { "" } else { ": " };
        *out += &format!("{}: {}{colon}{}\n", paint.red("error"), paint.bold(&self.path), self.message);
        let mut margin = "  ".to_owned();
        match self.place {
            None => *out += &format!("  {} {origin}\n", paint.blue("-->")),
            Some(Place { line, column, width }) => {
                let number = line.to_string();
                margin = " ".repeat(number.len() + 1);
                *out += &format!("{}{} {origin}:{line}:{column}\n", &margin[1..], paint.blue("-->"));
                if self.message == PLAIN_SECRET {
                    *out += &self
                        .help
                        .as_ref()
                        .map(|help| format!("{margin}{} help: {help}\n", paint.blue("=")))
                        .unwrap_or_default();
                    return;
                }
                let bar = paint.blue("|");
                let (shown, caret) = window(lines.get(line - 1).copied().unwrap_or_default(), column);
                let carets = "^".repeat(width.min(SHOWN_MAX.saturating_sub(caret)).max(1));
                *out += &format!("{margin}{bar}\n{} {bar} {shown}\n", paint.blue(&number));
                *out += &format!("{margin}{bar} {}{}\n", " ".repeat(caret), paint.red(&carets));
            }
        }
        if let Some(help) = &self.help {
            *out += &format!("{margin}{} help: {help}\n", paint.blue("="));
        }
    }
}

/// The part of a line that is shown, and where in it the column is. Control characters become spaces.
fn window(line: &str, column: usize) -> (String, usize) {
    let at = column.saturating_sub(1);
    let from = if at < SHOWN_MAX { 0 } else { at - SHOWN_MAX / 2 };
    let shown: String = line.chars().skip(from).take(SHOWN_MAX).map(|c| if c.is_control() { ' ' } else { c }).collect();
    (shown.trim_end().to_owned(), at - from)
}

struct Paint(Colour);

impl Paint {
    fn red(&self, text: &str) -> String {
        self.wrap("1;31", text)
    }

    fn blue(&self, text: &str) -> String {
        self.wrap("1;34", text)
    }

    fn bold(&self, text: &str) -> String {
        self.wrap("1", text)
    }

    fn wrap(&self, code: &str, text: &str) -> String {
        match self.0 {
            Colour::Ansi if !text.is_empty() => format!("\x1b[{code}m{text}\x1b[0m"),
            _ => text.to_owned(),
        }
    }
}
