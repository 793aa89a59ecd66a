//! From text to tree. A mistake in the syntax ends the reading, since what follows it cannot be trusted; every other one
//! is noted and read past.

use std::borrow::Cow;
use std::collections::HashMap;

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span, StrInput, Tag};

use super::{Entry, Item, Node, Scalar, Value};
use crate::config::diagnostics::{Diagnostic, Place};
use crate::config::path::Path;

/// Deeper than this nobody writes a configuration; it bounds the stack.
const DEPTH_MAX: usize = 64;
/// Aliases of aliases can make a short file long; it bounds the memory.
const NODES_MAX: usize = 100_000;

/// The tree, if the syntax allows one, and what is wrong with it.
pub(in crate::config) fn build(text: &str) -> (Option<Node>, Vec<Diagnostic>) {
    let parser = Parser::new_from_str(text);
    let mut builder = Builder { text, parser, anchors: HashMap::new(), nodes: 0, found: Vec::new() };
    let tree = match builder.document() {
        Ok(tree) => tree,
        Err(Stop(diagnostic)) => {
            builder.found.push(*diagnostic);
            None
        }
    };
    (tree, builder.found)
}

/// Reading cannot go on.
struct Stop(Box<Diagnostic>);

struct Builder<'t> {
    text: &'t str,
    parser: Parser<'t, StrInput<'t>>,
    anchors: HashMap<usize, Node>,
    nodes: usize,
    found: Vec<Diagnostic>,
}

type Tagged<'t> = Option<Cow<'t, Tag>>;

impl<'t> Builder<'t> {
    fn document(&mut self) -> Result<Option<Node>, Stop> {
        let mut tree = None;
        loop {
            match self.next()? {
                (Event::StreamEnd, _) => return Ok(tree),
                (Event::DocumentStart(_), span) if tree.is_some() => {
                    let message = "a second YAML document begins here".to_owned();
                    let help = "Belay reads one document: remove the '---' or split the file";
                    return Err(stop(self.place(span), message, help));
                }
                (Event::StreamStart | Event::DocumentStart(_) | Event::DocumentEnd | Event::Nothing, _) => {}
                (event, span) => tree = Some(self.node(event, span, &Path::default(), 0)?),
            }
        }
    }

    fn node(&mut self, event: Event<'t>, span: Span, path: &Path, depth: usize) -> Result<Node, Stop> {
        let mut place = self.place(span);
        if !matches!(event, Event::Scalar(..) | Event::Alias(_)) {
            // A list or a mapping is shown by where it begins.
            place.width = 1;
        }
        self.count(1, place)?;
        if depth > DEPTH_MAX {
            return Err(stop(place, format!("nested deeper than {DEPTH_MAX} levels"), "flatten it"));
        }
        let (value, anchor) = match event {
            Event::Alias(anchor) => return self.alias(anchor, place),
            Event::Scalar(text, style, anchor, tag) => {
                (Value::Scalar(self.scalar(text, style, tag, path, place)), anchor)
            }
            Event::SequenceStart(anchor, tag) => {
                self.no_tag(tag, path, place);
                (Value::List(self.list(path, depth)?), anchor)
            }
            Event::MappingStart(anchor, tag) => {
                self.no_tag(tag, path, place);
                (Value::Mapping(self.mapping(path, depth)?), anchor)
            }
            _ => (Value::Scalar(Scalar::Null), 0),
        };
        let node = Node { place, value };
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }

    fn list(&mut self, path: &Path, depth: usize) -> Result<Vec<Item>, Stop> {
        let mut items = Vec::new();
        loop {
            let (event, span) = self.next()?;
            if event == Event::SequenceEnd {
                return Ok(items);
            }
            let index = items.len();
            items.push(Item { index, node: self.node(event, span, &path.item(index), depth + 1)? });
        }
    }

    fn mapping(&mut self, path: &Path, depth: usize) -> Result<Vec<Entry>, Stop> {
        let mut entries: Vec<Entry> = Vec::new();
        let mut merged: Vec<Entry> = Vec::new();
        loop {
            let (event, span) = self.next()?;
            let key_place = self.place(span);
            let key = match event {
                Event::MappingEnd => break,
                Event::Scalar(text, ..) => text.into_owned(),
                complex => {
                    self.node(complex, span, path, depth + 1)?;
                    self.note(path, "a key must be a plain name".to_owned(), "write it as one word", key_place);
                    String::new()
                }
            };
            let path = path.key(&key);
            let (event, span) = self.next()?;
            let node = self.node(event, span, &path, depth + 1)?;
            if key == "<<" {
                self.merge(node, &path, &mut merged);
            } else if let Some(first) = entries.iter().find(|entry| entry.key == key) {
                let help = format!("the first is on line {}; remove one of them", first.key_place.line);
                self.note(&path, format!("the key '{key}' is given twice"), &help, key_place);
            } else if !key.is_empty() {
                entries.push(Entry { key, key_place, node });
            }
        }
        for entry in merged {
            if entries.iter().all(|own| own.key != entry.key) {
                entries.push(entry);
            }
        }
        Ok(entries)
    }

    /// `<<: *anchor` or `<<: [*one, *two]`: what the mapping does not say itself, the earlier before the later.
    fn merge(&mut self, node: Node, path: &Path, merged: &mut Vec<Entry>) {
        match node.value {
            Value::Mapping(entries) => merged.extend(entries),
            Value::List(items) => items.into_iter().for_each(|item| self.merge(item.node, path, merged)),
            Value::Scalar(_) => {
                self.note(
                    path,
                    "'<<' takes a mapping".to_owned(),
                    "give it an alias, as in '<<: *defaults'",
                    node.place,
                );
            }
        }
    }

    fn alias(&mut self, anchor: usize, place: Place) -> Result<Node, Stop> {
        let Some(node) = self.anchors.get(&anchor).cloned() else {
            let help = "an alias cannot stand inside what it stands for";
            return Err(stop(place, "this alias has no value yet".to_owned(), help));
        };
        self.count(size(&node), place)?;
        Ok(node)
    }

    fn scalar(&mut self, text: Cow<str>, style: ScalarStyle, tag: Tagged, path: &Path, place: Place) -> Scalar {
        let is_text = tag.as_ref().is_some_and(|tag| tag.is_yaml_core_schema() && tag.suffix == "str");
        if is_text || style != ScalarStyle::Plain {
            if !is_text {
                self.no_tag(tag, path, place);
            }
            return Scalar::Text(text.into_owned());
        }
        self.no_tag(tag, path, place);
        match serde_yaml::from_str(&text) {
            Ok(serde_yaml::Value::Null) if matches!(&*text, "" | "~" | "null" | "Null" | "NULL") => Scalar::Null,
            Ok(serde_yaml::Value::Bool(value)) => Scalar::Bool(value),
            Ok(serde_yaml::Value::Number(number)) => {
                if !number.is_finite() {
                    self.note(path, format!("{number} is not a number that can be used"), "write a finite one", place);
                }
                Scalar::Number(number)
            }
            _ => Scalar::Text(text.into_owned()),
        }
    }

    fn no_tag(&mut self, tag: Tagged, path: &Path, place: Place) {
        if let Some(tag) = tag {
            self.note(path, format!("the tag '{tag}' means nothing here"), "remove it", place);
        }
    }

    fn count(&mut self, more: usize, place: Place) -> Result<(), Stop> {
        self.nodes += more;
        if self.nodes <= NODES_MAX {
            return Ok(());
        }
        let message = format!("the file has more than {NODES_MAX} values");
        Err(stop(place, message, "aliases count as often as they are used"))
    }

    fn note(&mut self, path: &Path, message: String, help: &str, place: Place) {
        let (path, help, place) = (path.to_string(), Some(help.to_owned()), Some(place));
        self.found.push(Diagnostic { path, message, help, place });
    }

    fn next(&mut self) -> Result<(Event<'t>, Span), Stop> {
        match self.parser.next_event() {
            Some(Ok(event)) => Ok(event),
            Some(Err(error)) => Err(self.syntax(&error)),
            None => Ok((Event::StreamEnd, Span::default())),
        }
    }

    fn syntax(&self, error: &ScanError) -> Stop {
        let line = error.marker().line().max(1);
        let place = Place { line, column: error.marker().col() + 1, width: 1 };
        let source = self.text.lines().nth(line - 1).unwrap_or_default();
        let help = hint(error.info(), source);
        stop(place, format!("not YAML: {}", error.info()), help)
    }

    /// A value over several lines is shown by its first.
    fn place(&self, span: Span) -> Place {
        let one_line = span.start.line() == span.end.line();
        let width = if one_line { span.end.col().saturating_sub(span.start.col()) } else { 1 };
        Place { line: span.start.line().max(1), column: span.start.col() + 1, width: width.max(1) }
    }
}

fn stop(place: Place, message: String, help: &str) -> Stop {
    let help = Some(help.to_owned());
    Stop(Box::new(Diagnostic { path: String::new(), message, help, place: Some(place) }))
}

/// The most likely cause of an error in the syntax.
fn hint(info: &str, source: &str) -> &'static str {
    let indentation = source.len() - source.trim_start().len();
    if source[..indentation].contains('\t') || info.contains("tab") {
        "YAML is indented with spaces, never with tabs"
    } else if info.contains("anchor") {
        "an alias '*name' needs an anchor '&name' before it"
    } else if info.contains("mapping values") {
        "is a line before this one indented further? A text that contains ': ' needs quotes"
    } else if info.contains("quote") || info.contains("scalar") {
        "is a quote missing, before this line or on it?"
    } else if info.contains("flow") || source.contains(['[', '{', ']', '}']) {
        "is a bracket or a comma missing, before this line or on it?"
    } else {
        "is this line indented as its neighbours are? A key needs a space after its ':'"
    }
}

fn size(node: &Node) -> usize {
    1 + match &node.value {
        Value::Scalar(_) => 0,
        Value::List(items) => items.iter().map(|item| size(&item.node)).sum(),
        Value::Mapping(entries) => entries.iter().map(|entry| size(&entry.node)).sum(),
    }
}
