//! How much a shard may offer. It is counted before anything is made of what the component listed: nobody has approved
//! it, a reviewer reads all of it, and every client is sent it.

/// Tools, prompts and documents of one shard.
pub(super) const MAX_TOOLS: usize = 512;
pub(super) const MAX_PROMPTS: usize = 128;
pub(super) const MAX_DOCUMENTS: usize = 1024;
/// Bytes of one of them, all its texts and schemas together, and of all of a kind. Together they are what a review shows.
pub(super) const MAX_TEXT: usize = 256 << 10;
pub(super) const MAX_TEXTS: usize = 4 << 20;

/// A list that is longer than a host takes or a reviewer reads.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TooMuch {
    #[error("lists {found} {what}: expected at most {most}")]
    Entries { what: &'static str, found: usize, most: usize },
    #[error("the texts and schemas of number {number} of its {what} take {found} bytes: expected at most {MAX_TEXT}")]
    Text { what: &'static str, number: usize, found: usize },
    #[error("the texts and schemas of its {what} take more than {MAX_TEXTS} bytes together")]
    Texts { what: &'static str },
}

/// Counts a list. `bytes` are those of an entry's texts.
pub(super) fn count<T>(
    what: &'static str,
    most: usize,
    list: &[T],
    bytes: impl Fn(&T) -> usize,
) -> Result<(), TooMuch> {
    if list.len() > most {
        return Err(TooMuch::Entries { what, found: list.len(), most });
    }
    let mut all = 0usize;
    for (n, entry) in list.iter().enumerate() {
        let found = bytes(entry);
        if found > MAX_TEXT {
            return Err(TooMuch::Text { what, number: n + 1, found });
        }
        all = all.saturating_add(found);
    }
    if all > MAX_TEXTS { Err(TooMuch::Texts { what }) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(sizes: &[usize]) -> Result<(), TooMuch> {
        count("tools", 20, sizes, |size| *size)
    }

    #[test]
    fn what_a_list_may_take_is_bounded_on_both_sides() {
        assert_eq!(counted(&[]), Ok(()));
        assert_eq!(counted(&[1; 20]), Ok(()));
        assert_eq!(counted(&[0; 21]), Err(TooMuch::Entries { what: "tools", found: 21, most: 20 }));
        assert_eq!(counted(&[1, MAX_TEXT]), Ok(()));
        assert_eq!(counted(&[1, MAX_TEXT + 1]), Err(TooMuch::Text { what: "tools", number: 2, found: MAX_TEXT + 1 }));
        assert_eq!(counted(&[MAX_TEXT; MAX_TEXTS / MAX_TEXT]), Ok(()));
        let mut over = [MAX_TEXT; MAX_TEXTS / MAX_TEXT + 1];
        over[0] = 1;
        assert_eq!(counted(&over), Err(TooMuch::Texts { what: "tools" }));
    }
}
