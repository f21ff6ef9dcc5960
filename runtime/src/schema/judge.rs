//! Judging values by a schema, with bounded work.

use std::collections::BTreeMap;
use std::sync::Arc;

use jsonschema::{PatternOptions, Validator};
use serde_json::Value;

use super::graph::{Graph, Pattern, shortened};
use super::work::{self, MAX_STEPS, TooMuch};
use super::{BadSchema, Schema};

/// A schema, ready to judge. Pure: no clock, and the same verdict each time, so it may run on any thread.
#[derive(Clone)]
pub struct Judge(Arc<Inner>);

struct Inner {
    graph: Arc<Graph>,
    weights: Weights,
    validator: Validator,
}

/// What a schema says of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    Fits,
    /// What is wrong, a line each. Values are not repeated.
    Misfit(Vec<String>),
    /// The value was not judged: it would take too long.
    TooMuch(TooMuch),
}

/// Problems of one value that are told.
const MOST_PROBLEMS: usize = 8;
/// Beyond so many steps problems are not gathered: branches that all fail are kept with everything that is wrong in each.
const MOST_GATHERING: usize = 100_000;

/// Steps that take some milliseconds at most, with the counting.
const MOST_LIGHT: usize = 100_000;

impl Judge {
    /// The patterns are compiled here, and by an engine without backtracking.
    pub fn new(schema: &Schema) -> Result<Self, BadSchema> {
        let weights = Weights::of_patterns(schema.graph())?;
        let mut text = schema.as_value().clone();
        // Of the schema as a whole these say nothing that holds here: it has no address, and its draft is 2020-12.
        if let Some(keywords) = text.as_object_mut() {
            for keyword in ["$id", "$schema", "$vocabulary"] {
                keywords.shift_remove(keyword);
            }
        }
        let validator = validator(&text, *SIZES.last().unwrap_or(&0))?;
        Ok(Self(Arc::new(Inner { graph: schema.graph.clone(), weights, validator })))
    }

    /// `whole` is what the value is called where the problem is its own: "the arguments".
    pub fn judge(&self, value: &Value, whole: &str) -> Verdict {
        let Inner { graph, weights, validator } = &*self.0;
        let steps = match work::count(graph, weights, value, MAX_STEPS) {
            Ok(steps) => steps,
            Err(too_much) => return Verdict::TooMuch(too_much),
        };
        if validator.is_valid(value) {
            return Verdict::Fits;
        }
        if steps > MOST_GATHERING {
            let told = format!("{whole}: does not fit the schema, and is too large to say where");
            return Verdict::Misfit(vec![told]);
        }
        let problem = |error: jsonschema::ValidationError<'_>| {
            let path = error.instance_path().to_string();
            let place = if path.is_empty() { whole } else { &path };
            format!("{place}: {}", error.masked_with("the value"))
        };
        Verdict::Misfit(validator.iter_errors(value).take(MOST_PROBLEMS).map(problem).collect())
    }

    /// The steps that judging this value takes.
    pub fn steps(&self, value: &Value) -> Result<usize, TooMuch> {
        work::count(&self.0.graph, &self.0.weights, value, MAX_STEPS)
    }

    /// Whether judging it takes no time to speak of. To find that out takes none either.
    pub fn is_light(&self, value: &Value) -> bool {
        work::count(&self.0.graph, &self.0.weights, value, MOST_LIGHT).is_ok()
    }
}

/// Sizes that a compiled pattern may have, in bytes. One that fits none of them is refused.
const SIZES: [usize; 4] = [2 << 10, 16 << 10, 64 << 10, 256 << 10];
/// What an automaton may keep of the states it has been in.
const MAX_CACHE: usize = 512 << 10;
/// Bytes that one state of an automaton takes at least.
const STATE: usize = 32;
/// States that a letter meets in the time of one step.
const STATES_OF_A_STEP: usize = 4;

/// Steps that a letter takes with each pattern.
pub(super) struct Weights(BTreeMap<Pattern, usize>);

impl Weights {
    fn of_patterns(graph: &Graph) -> Result<Self, BadSchema> {
        let mut weights = BTreeMap::new();
        for (id, place) in graph.places().iter().enumerate() {
            for pattern in place.patterns.iter().map(|(pattern, _)| pattern).chain(&place.pattern) {
                if weights.contains_key(pattern) {
                    continue;
                }
                let of = serde_json::json!({ "pattern": pattern.0 });
                let fits = |size: &&usize| validator(&of, **size).is_ok();
                let size = SIZES.iter().find(fits).ok_or_else(|| BadSchema::Pattern {
                    place: graph.pointer(id),
                    why: "it is no regular expression of this kind, or becomes an automaton of more than 256 KiB",
                })?;
                weights.insert(pattern.clone(), (size / STATE / STATES_OF_A_STEP).max(1));
            }
        }
        Ok(Self(weights))
    }

    /// One that is not there would be a pattern of another graph.
    pub(super) fn of(&self, pattern: &Pattern) -> usize {
        self.0.get(pattern).copied().unwrap_or(usize::MAX)
    }
}

fn validator(schema: &Value, pattern_size: usize) -> Result<Validator, BadSchema> {
    jsonschema::options()
        .with_draft(jsonschema::Draft::Draft202012)
        .should_validate_formats(true)
        .with_pattern_options(PatternOptions::regex().size_limit(pattern_size).dfa_size_limit(MAX_CACHE))
        .build(schema)
        .map_err(|error| BadSchema::Invalid {
            // What is judged here is the schema itself, so this is a place in it.
            place: shortened(error.instance_path().as_str()),
            why: error.masked_with("the value").to_string(),
        })
}
