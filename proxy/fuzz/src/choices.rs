//! Decisions, read off the fuzzer's input. When it ends, all that is left to choose is the first of each.

pub(crate) struct Choices<'a>(&'a [u8]);

impl<'a> Choices<'a> {
    pub(crate) fn new(data: &'a [u8]) -> Self {
        Self(data)
    }

    pub(crate) fn is_over(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn byte(&mut self) -> u8 {
        let Some((&first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        first
    }

    /// Less than `bound`.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        (usize::from(self.byte()) << 8 | usize::from(self.byte())) % bound.max(1)
    }

    /// One in `of`.
    pub(crate) fn one_in(&mut self, of: u8) -> Luck {
        if self.byte() % of == of - 1 { Luck::Hit } else { Luck::Miss }
    }

    /// All that is left.
    pub(crate) fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.0)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Luck {
    Hit,
    Miss,
}
