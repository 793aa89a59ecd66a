//! Finds words and puts stars in their place.

/// Masks each of the words, which are in lower case, wherever it stands, in any case: from left to right, at each place the
/// longest that stands there. Gives how many there were.
pub(crate) fn mask(mut text: &mut [u8], words: &[String]) -> u64 {
    let mut masked = 0;
    while let Some(first) = text.first().map(u8::to_ascii_lowercase) {
        // At most places no word's first letter stands, and nothing else is looked at.
        let may_stand = words.iter().filter(|word| word.as_bytes().first() == Some(&first));
        let here = may_stand.filter(|word| begins_with(text, word)).map(String::len).max();
        let (word, rest) = std::mem::take(&mut text).split_at_mut(here.unwrap_or(1));
        if here.is_some() {
            word.fill(b'*');
            masked += 1;
        }
        text = rest;
    }
    masked
}

fn begins_with(text: &[u8], word: &str) -> bool {
    text.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word.as_bytes()))
}
