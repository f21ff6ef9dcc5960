//! What changed in a text, line by line, for a reviewer. How long that takes is bounded, whoever wrote the texts.

use std::collections::HashMap;

use similar::{DiffableStr as _, TextDiff};

use crate::audit::Digest;

/// Steps that all comparisons of one shard may take. The algorithm (Myers) takes at most the square of the lines that
/// stand between what both texts begin and end with.
const MAX_STEPS: usize = 64 << 20;

/// Compares texts until its steps are used up.
pub(super) struct Differ {
    steps: usize,
}

impl Default for Differ {
    fn default() -> Self {
        Self { steps: MAX_STEPS }
    }
}

impl Differ {
    /// As `diff -U1` has it. Where the steps do not suffice: how many lines differ, and the digests of both texts. The same
    /// texts in the same order give the same words, which a review's token depends on.
    pub(super) fn diff(&mut self, old: &str, new: &str) -> String {
        if self.spend(old, new) {
            return TextDiff::from_lines(old, new).unified_diff().context_radius(1).to_string();
        }
        let (was, is) = (old.tokenize_lines(), new.tokenize_lines());
        let digest = |text: &str| Digest::of(text.as_bytes());
        format!(
            "too long to be compared line by line: {} lines differ\n-{} lines, sha256:{}\n+{} lines, sha256:{}\n",
            differing(&was, &is),
            was.len(),
            digest(old),
            is.len(),
            digest(new),
        )
    }

    fn spend(&mut self, old: &str, new: &str) -> bool {
        let (old, new) = (old.tokenize_lines(), new.tokenize_lines());
        let before = old.iter().zip(&new).take_while(|(old, new)| old == new).count();
        let most = old.len().min(new.len()) - before;
        let after = old.iter().rev().zip(new.iter().rev()).take(most).take_while(|(old, new)| old == new).count();
        let between = old.len() + new.len() - 2 * (before + after);
        match self.steps.checked_sub(between.saturating_mul(between)) {
            Some(left) => {
                self.steps = left;
                true
            }
            None => false,
        }
    }
}

/// Lines of one text that do not stand in the other, both ways.
fn differing(old: &[&str], new: &[&str]) -> usize {
    let mut counts: HashMap<&str, isize> = HashMap::new();
    old.iter().for_each(|line| *counts.entry(*line).or_default() += 1);
    new.iter().for_each(|line| *counts.entry(*line).or_default() -= 1);
    counts.values().map(|count| count.unsigned_abs()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(of: impl Iterator<Item = usize>) -> String {
        of.map(|n| format!("{n}\n")).collect()
    }

    #[test]
    fn a_difference_is_shown_with_a_line_around_it() {
        let diff = Differ::default().diff("a\nb\nc\nd\n", "a\nb\nC\nd\n");
        assert_eq!(diff, "@@ -2,3 +2,3 @@\n b\n-c\n+C\n d\n");
        assert_eq!(Differ::default().diff("same\n", "same\n"), "");
    }

    #[test]
    fn one_line_of_a_long_text_is_shown_and_a_long_text_that_is_another_is_counted() {
        let old = lines(0..120_000);
        let edited = old.replacen("\n60000\n", "\nsixty thousand\n", 1);
        let shown = Differ::default().diff(&old, &edited);
        assert!(shown.contains("-60000\n+sixty thousand\n"), "{shown}");

        let other = lines(500_000..620_001);
        let counted = Differ::default().diff(&old, &other);
        let mut said = counted.lines();
        assert_eq!(said.next(), Some("too long to be compared line by line: 240001 lines differ"));
        assert!(said.next().unwrap().starts_with("-120000 lines, sha256:"), "{counted}");
        assert!(said.next().unwrap().starts_with("+120001 lines, sha256:"), "{counted}");
        assert_eq!(counted, Differ::default().diff(&old, &other), "a token is bound to it");
    }

    #[test]
    fn steps_are_counted_over_all_texts_of_a_shard() {
        let (old, new) = (lines(0..1000), lines(1000..2000));
        let mut differ = Differ { steps: 2 * 2000 * 2000 };
        assert!(differ.diff(&old, &new).starts_with("@@"));
        assert!(differ.diff(&old, &new).starts_with("@@"));
        assert!(differ.diff(&old, &new).starts_with("too long"));
        assert_eq!(differ.diff("a\n", "a\n"), "", "what costs nothing goes on");
    }

    #[test]
    fn a_text_that_only_grows_or_repeats_is_counted_right() {
        for (old, new) in [("a\na\na\n", "a\na\n"), ("a\n", "a\na\na\n"), ("", "a\n"), ("a\n", "")] {
            assert!(Differ::default().diff(old, new).starts_with("@@"), "{old:?} {new:?}");
        }
    }
}
