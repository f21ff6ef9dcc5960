//! How many steps it takes to judge a value, counted before it is judged.
//!
//! The count walks the value as a validator does, through every schema that could apply, and takes no shortcut: a branch
//! that would fail early counts whole. So it is no less than the real work, up to a constant, and ends with an error when
//! the budget is used up. `ten_thousand_rows_are_judged` prints what steps cost in time.

use serde_json::Value;

use super::graph::{Graph, Id, Pattern, Place};
use super::judge::Weights;

/// Steps that one judgement may take.
pub(super) const MAX_STEPS: usize = 60_000_000;
/// Schemas within each other, on the way from the top to a part of the value. The validator recurses as deep.
pub(super) const MAX_DEPTH: usize = 400;

/// Why a value is not judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TooMuch {
    #[error("judging it by its schema takes more than {MAX_STEPS} steps")]
    Steps,
    #[error("judging it by its schema goes through more than {MAX_DEPTH} schemas in a row")]
    Depth,
}

/// The steps that a value takes, if they are at most so many.
pub(super) fn count(graph: &Graph, weights: &Weights, value: &Value, most: usize) -> Result<usize, TooMuch> {
    let mut counting = Counting { graph, weights, steps: 0, most };
    counting.value(0, value, 0)?;
    Ok(counting.steps)
}

struct Counting<'a> {
    graph: &'a Graph,
    weights: &'a Weights,
    steps: usize,
    most: usize,
}

impl Counting<'_> {
    fn spend(&mut self, steps: usize) -> Result<(), TooMuch> {
        self.steps = self.steps.saturating_add(steps);
        if self.steps > self.most { Err(TooMuch::Steps) } else { Ok(()) }
    }

    fn value(&mut self, id: Id, value: &Value, depth: usize) -> Result<(), TooMuch> {
        if depth > MAX_DEPTH {
            return Err(TooMuch::Depth);
        }
        let Some(place) = self.graph.place(id) else { return Ok(()) };
        let before = self.steps;
        self.spend(1 + place.steps)?;
        for here in &place.here {
            self.value(*here, value, depth + 1)?;
        }
        if place.leftover_items.is_some() || place.leftover_members.is_some() {
            // To know what is left over, the validator goes through what applies here once more for each level of it.
            self.spend((self.steps - before).saturating_mul(2))?;
        }
        match value {
            Value::Null | Value::Bool(_) | Value::Number(_) => Ok(()),
            Value::String(text) => self.text(place, text),
            Value::Array(items) => self.items(place, items, depth),
            Value::Object(members) => {
                self.spend(members.len().saturating_mul(1 + place.patterns.len()))?;
                for (name, value) in members {
                    self.member(place, name, value, depth)?;
                }
                Ok(())
            }
        }
    }

    fn text(&mut self, place: &Place, text: &str) -> Result<(), TooMuch> {
        if let Some(pattern) = &place.pattern {
            self.spend(self.matched(pattern, text))?;
        }
        if place.reads_texts { self.spend(text.len() / 8) } else { Ok(()) }
    }

    /// A text against a pattern: in the worst case each letter meets each state of the automaton.
    fn matched(&self, pattern: &Pattern, text: &str) -> usize {
        (1 + text.len()).saturating_mul(self.weights.of(pattern))
    }

    fn items(&mut self, place: &Place, items: &[Value], depth: usize) -> Result<(), TooMuch> {
        self.spend(items.len())?;
        if place.unique {
            self.unique(items)?;
        }
        for (n, item) in items.iter().enumerate() {
            let own = place.prefix.get(n).or(place.items.as_ref());
            for below in [own, place.contains.as_ref(), place.leftover_items.as_ref()].into_iter().flatten() {
                self.value(*below, item, depth + 1)?;
            }
        }
        Ok(())
    }

    /// Lists and objects can be made to look alike, so that each is compared with each; so can large numbers, which are
    /// told apart as floats.
    fn unique(&mut self, items: &[Value]) -> Result<(), TooMuch> {
        let alike = |item: &&Value| match item {
            Value::Array(_) | Value::Object(_) => true,
            Value::Number(number) => number.as_f64().is_none_or(|number| number.abs() >= 9e15),
            Value::Null | Value::Bool(_) | Value::String(_) => false,
        };
        let n_alike = items.iter().filter(alike).count();
        let before = self.steps;
        for item in items {
            self.whole(item)?;
        }
        let each = self.steps - before;
        // Each is looked at once for its hash, and compared with some others; in short lists with all.
        self.spend(each.saturating_mul(n_alike.max(if items.len() <= 15 { items.len() } else { 2 })))
    }

    /// All of a value, letter by letter.
    fn whole(&mut self, value: &Value) -> Result<(), TooMuch> {
        match value {
            Value::Null | Value::Bool(_) | Value::Number(_) => self.spend(1),
            Value::String(text) => self.spend(1 + text.len() / 64),
            Value::Array(items) => {
                self.spend(1)?;
                items.iter().try_for_each(|item| self.whole(item))
            }
            Value::Object(members) => {
                self.spend(1)?;
                members.iter().try_for_each(|(name, value)| {
                    self.spend(1 + name.len() / 64)?;
                    self.whole(value)
                })
            }
        }
    }

    fn member(&mut self, place: &Place, name: &str, value: &Value, depth: usize) -> Result<(), TooMuch> {
        if let Some(names) = place.names {
            self.name(names, name, depth + 1)?;
        }
        for (pattern, below) in &place.patterns {
            self.spend(self.matched(pattern, name))?;
            self.value(*below, value, depth + 1)?;
        }
        let own = place.properties.get(name).or(place.additional.as_ref());
        for below in [own, place.leftover_members.as_ref()].into_iter().flatten() {
            self.value(*below, value, depth + 1)?;
        }
        Ok(())
    }

    /// A name, judged as a text.
    fn name(&mut self, id: Id, name: &str, depth: usize) -> Result<(), TooMuch> {
        if depth > MAX_DEPTH {
            return Err(TooMuch::Depth);
        }
        let Some(place) = self.graph.place(id) else { return Ok(()) };
        self.spend(1 + place.steps)?;
        self.text(place, name)?;
        place.here.iter().try_for_each(|here| self.name(*here, name, depth + 1))
    }
}
