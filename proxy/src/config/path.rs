//! Where a value stands in the file's tree: `routes[0].hold.for`.

use std::fmt;

/// One step down.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Segment {
    Key(Box<str>),
    Item(usize),
}

/// All the steps from the top.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Path(Vec<Segment>);

impl Path {
    /// The value under a key of the mapping that is here.
    pub(super) fn key(&self, key: &str) -> Self {
        self.then(Segment::Key(key.into()))
    }

    /// An item of the list that is here.
    pub(super) fn item(&self, index: usize) -> Self {
        self.then(Segment::Item(index))
    }

    pub(super) fn segments(&self) -> &[Segment] {
        &self.0
    }

    fn then(&self, segment: Segment) -> Self {
        Self(self.0.iter().cloned().chain([segment]).collect())
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (depth, segment) in self.0.iter().enumerate() {
            match segment {
                Segment::Item(index) => write!(f, "[{index}]")?,
                Segment::Key(key) => {
                    if depth > 0 {
                        f.write_str(".")?;
                    }
                    if is_plain(key) { f.write_str(key)? } else { write!(f, "{key:?}")? }
                }
            }
        }
        Ok(())
    }
}

fn is_plain(key: &str) -> bool {
    !key.is_empty() && key.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-')
}
