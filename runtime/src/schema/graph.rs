//! A schema as a graph: its places, and what each hands a value, or a part of the value, on to.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde_json::Value;

use super::{
    BadSchema, MAX_BYTES, MAX_HERE, MAX_HERE_DEPTH, MAX_LED_TO, MAX_NESTING, MAX_PATTERNS, MAX_PROPERTIES,
    MAX_REFERENCES, MAX_VALUES,
};

/// The number of a place in its graph.
pub(crate) type Id = usize;

/// Every place of a schema that a value can come to, the top first.
#[derive(Debug, Default)]
pub struct Graph {
    places: Vec<Place>,
    n_patterns: usize,
    n_compiled: usize,
}

/// One place: a schema within the schema.
#[derive(Debug, Default, PartialEq)]
pub struct Place {
    /// What applies to the same value: `$ref`, `allOf`, `anyOf`, `oneOf`, `not`, `if`, `then`, `else`, `dependentSchemas`.
    pub here: Vec<Id>,
    /// What applies to a member of this name.
    pub properties: BTreeMap<String, Id>,
    /// What applies to members whose name fits.
    pub patterns: Vec<(Pattern, Id)>,
    /// `additionalProperties`: what applies to members that are not named.
    pub additional: Option<Id>,
    /// `unevaluatedProperties`.
    pub leftover_members: Option<Id>,
    /// `propertyNames`: what applies to the names themselves.
    pub names: Option<Id>,
    /// `prefixItems`.
    pub prefix: Vec<Id>,
    pub items: Option<Id>,
    pub contains: Option<Id>,
    /// `unevaluatedItems`.
    pub leftover_items: Option<Id>,
    pub pattern: Option<Pattern>,
    pub unique: bool,
    /// It says something of texts that is read letter by letter: a format, a length.
    pub reads_texts: bool,
    /// Steps that it takes with any value: its keywords, and the values that it compares with.
    pub steps: usize,
    /// `x-nexus-class`, as it stands there.
    pub class: Option<Value>,
    /// Where it stands: the place that it stands in and the steps from there, as a JSON pointer.
    from: Option<(Id, String)>,
}

/// The text of a regular expression.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pattern(pub String);

/// Longer ones are programs.
const MAX_PATTERN: usize = 1024;

impl Graph {
    /// Takes a schema in, or says what it has too much of. The work is bounded before it begins: by the size of the text.
    pub fn read(schema: &Value) -> Result<Self, BadSchema> {
        measure(schema)?;
        let mut intake = Intake {
            root: schema,
            graph: Self::default(),
            ids: HashMap::new(),
            queue: Vec::new(),
            spellings: HashSet::new(),
            counts: Counts::default(),
        };
        intake.intern(schema, None)?;
        while let Some((id, schema)) = intake.queue.pop() {
            intake.place(id, schema)?;
        }
        let mut graph = intake.graph;
        graph.n_patterns = intake.counts.patterns;
        graph.n_compiled = values(schema) + intake.counts.led_to;
        Spread::new(&graph).measure()?;
        Ok(graph)
    }

    pub fn place(&self, id: Id) -> Option<&Place> {
        self.places.get(id)
    }

    pub fn places(&self) -> &[Place] {
        &self.places
    }

    /// Patterns that a validator compiles.
    pub fn n_patterns(&self) -> usize {
        self.n_patterns
    }

    /// Values that a validator walks to be made: the schema's, and again what its references lead to.
    pub fn n_compiled(&self) -> usize {
        self.n_compiled
    }

    /// Where a place stands, as a JSON pointer.
    pub fn pointer(&self, id: Id) -> String {
        let (mut steps, mut at) = (Vec::new(), id);
        while let Some((above, step)) = self.places.get(at).and_then(|place| place.from.as_ref()) {
            steps.push(step.as_str());
            at = *above;
        }
        steps.reverse();
        steps.concat()
    }
}

/// Values and nesting, before anything follows the schema. Recursion ends at the bound.
fn measure(schema: &Value) -> Result<(), BadSchema> {
    fn walk(value: &Value, depth: usize, pointer: &mut String, sum: &mut (usize, usize)) -> Result<(), BadSchema> {
        if depth > MAX_NESTING {
            return Err(BadSchema::Nesting { place: shortened(pointer) });
        }
        sum.0 += 1;
        if sum.0 > MAX_VALUES {
            return Err(BadSchema::Values);
        }
        let length = pointer.len();
        match value {
            Value::Null | Value::Bool(_) | Value::Number(_) => sum.1 += 8,
            Value::String(text) => sum.1 += text.len(),
            Value::Array(items) => {
                for (n, item) in items.iter().enumerate() {
                    *pointer += &format!("/{n}");
                    walk(item, depth + 1, pointer, sum)?;
                    pointer.truncate(length);
                }
            }
            Value::Object(members) => {
                for (name, value) in members {
                    if let Some(why) = address(name, value, depth) {
                        return Err(BadSchema::Keyword { place: shortened(pointer), keyword: name.clone(), why });
                    }
                    sum.1 += name.len();
                    *pointer += &step(name);
                    walk(value, depth + 1, pointer, sum)?;
                    pointer.truncate(length);
                }
            }
        }
        if sum.1 > MAX_BYTES { Err(BadSchema::Bytes) } else { Ok(()) }
    }
    walk(schema, 0, &mut String::new(), &mut (0, 0))
}

/// Why a schema may not have what gives a place another name than its pointer, or another draft. It is refused wherever it
/// stands, for a reference may lead through there. A property of such a name has a schema and no text.
fn address(name: &str, value: &Value, depth: usize) -> Option<&'static str> {
    match name {
        "$recursiveAnchor" if value.is_boolean() => Some("it is of an older draft"),
        _ if !value.is_string() => None,
        "$dynamicAnchor" | "$dynamicRef" | "$recursiveRef" => {
            Some("refer to places by pointer: \"$ref\": \"#/$defs/…\"")
        }
        "$id" | "$schema" if depth > 0 => Some("a schema within a schema has no address or draft of its own"),
        _ => None,
    }
}

/// A step of a JSON pointer.
fn step(name: &str) -> String {
    format!("/{}", name.replace('~', "~0").replace('/', "~1"))
}

/// For messages: names may be long, and are the shard's.
pub(super) fn shortened(pointer: &str) -> String {
    const MOST: usize = 200;
    match pointer.char_indices().nth(MOST) {
        None => pointer.to_owned(),
        Some((at, _)) => format!("{}…", pointer.get(..at).unwrap_or_default()),
    }
}

#[derive(Default)]
struct Counts {
    properties: usize,
    references: usize,
    led_to: usize,
    patterns: usize,
}

struct Intake<'a> {
    root: &'a Value,
    graph: Graph,
    /// By address: a place is one, whichever way leads there.
    ids: HashMap<*const Value, Id>,
    /// Those that were come to and not yet read. A list and no recursion: chains of references may be long.
    queue: Vec<(Id, &'a Value)>,
    /// Of references. The validator compiles what one leads to for each of them.
    spellings: HashSet<&'a str>,
    counts: Counts,
}

impl<'a> Intake<'a> {
    fn intern(&mut self, schema: &'a Value, from: Option<(Id, String)>) -> Result<Id, BadSchema> {
        if let Some(id) = self.ids.get(&std::ptr::from_ref(schema)) {
            return Ok(*id);
        }
        let id = self.graph.places.len();
        self.graph.places.push(Place { from, ..Place::default() });
        if !schema.is_object() && !schema.is_boolean() {
            return Err(BadSchema::NoSchema { place: self.shown(id) });
        }
        self.ids.insert(std::ptr::from_ref(schema), id);
        self.queue.push((id, schema));
        Ok(id)
    }

    fn shown(&self, id: Id) -> String {
        shortened(&self.graph.pointer(id))
    }

    /// Reads what stands at a place. Every keyword that the validator follows is in this one list.
    fn place(&mut self, id: Id, schema: &'a Value) -> Result<(), BadSchema> {
        let Some(keywords) = schema.as_object() else { return Ok(()) };
        let mut read = Place { steps: keywords.len(), ..Place::default() };
        for (keyword, value) in keywords {
            let under = step(keyword);
            match keyword.as_str() {
                "$ref" => read.here.push(self.refer(id, value)?),
                "allOf" | "anyOf" | "oneOf" => read.here.extend(self.list(id, &under, value)?),
                "not" | "if" | "then" | "else" => read.here.push(self.one(id, under, value)?),
                "dependentSchemas" => read.here.extend(self.named(id, &under, value)?.into_values()),
                "properties" => {
                    read.properties = self.named(id, &under, value)?;
                    self.counts.properties += read.properties.len();
                    if self.counts.properties > MAX_PROPERTIES {
                        return Err(BadSchema::Properties { place: self.shown(id) });
                    }
                }
                "patternProperties" => {
                    for (pattern, below) in self.named(id, &under, value)? {
                        read.patterns.push((self.pattern(id, &pattern)?, below));
                    }
                }
                "additionalProperties" => read.additional = Some(self.one(id, under, value)?),
                "unevaluatedProperties" => read.leftover_members = Some(self.one(id, under, value)?),
                "propertyNames" => read.names = Some(self.one(id, under, value)?),
                "prefixItems" => read.prefix = self.list(id, &under, value)?,
                "items" => read.items = Some(self.one(id, under, value)?),
                "contains" => read.contains = Some(self.one(id, under, value)?),
                "unevaluatedItems" => read.leftover_items = Some(self.one(id, under, value)?),
                "pattern" => read.pattern = value.as_str().map(|text| self.pattern(id, text)).transpose()?,
                "uniqueItems" => read.unique = value.as_bool() == Some(true),
                "minLength" | "maxLength" => read.reads_texts = true,
                "format" if value.as_str() == Some("regex") => {
                    return Err(self.refused(id, "format: regex", "each value would be compiled"));
                }
                "format" => read.reads_texts = true,
                "enum" | "const" => read.steps += compared(value),
                "required" | "dependentRequired" | "type" => read.steps += values(value),
                "x-nexus-class" => read.class = Some(value.clone()),
                "dependencies" | "additionalItems" => {
                    return Err(self.refused(id, keyword, "it is of an older draft: write what 2020-12 has for it"));
                }
                _ => {}
            }
        }
        if let Some(place) = self.graph.places.get_mut(id) {
            read.from = place.from.take();
            *place = read;
        }
        Ok(())
    }

    fn refused(&self, id: Id, keyword: &str, why: &'static str) -> BadSchema {
        BadSchema::Keyword { place: self.shown(id), keyword: keyword.to_owned(), why }
    }

    fn one(&mut self, id: Id, under: String, schema: &'a Value) -> Result<Id, BadSchema> {
        self.intern(schema, Some((id, under)))
    }

    fn list(&mut self, id: Id, under: &str, value: &'a Value) -> Result<Vec<Id>, BadSchema> {
        let Some(all) = value.as_array() else { return Err(BadSchema::NoSchema { place: self.shown(id) + under }) };
        all.iter().enumerate().map(|(n, one)| self.one(id, format!("{under}/{n}"), one)).collect()
    }

    fn named(&mut self, id: Id, under: &str, value: &'a Value) -> Result<BTreeMap<String, Id>, BadSchema> {
        let Some(all) = value.as_object() else { return Err(BadSchema::NoSchema { place: self.shown(id) + under }) };
        all.iter().map(|(name, one)| Ok((name.clone(), self.one(id, format!("{under}{}", step(name)), one)?))).collect()
    }

    fn refer(&mut self, id: Id, value: &'a Value) -> Result<Id, BadSchema> {
        self.counts.references += 1;
        if self.counts.references > MAX_REFERENCES {
            return Err(BadSchema::References { place: self.shown(id) });
        }
        let foreign = || BadSchema::Reference { place: self.shown(id) };
        let pointer = value.as_str().and_then(|to| to.strip_prefix('#')).ok_or_else(foreign)?;
        if !pointer.is_empty() && !pointer.starts_with('/') {
            return Err(foreign());
        }
        let pointer = percent_encoding::percent_decode_str(pointer).decode_utf8().map_err(|_| foreign())?;
        let there = self.root.pointer(&pointer).filter(|there| there.is_object() || there.is_boolean());
        let there = there.ok_or_else(|| BadSchema::Nowhere { place: self.shown(id) })?;
        if value.as_str().is_some_and(|to| self.spellings.insert(to)) {
            self.counts.led_to += values(there);
            if self.counts.led_to > MAX_LED_TO {
                return Err(BadSchema::LedTo { place: self.shown(id) });
            }
        }
        // Where it stands is told from the top, for no other place led there first.
        self.intern(there, Some((0, pointer.into_owned())))
    }

    fn pattern(&mut self, id: Id, text: &str) -> Result<Pattern, BadSchema> {
        self.counts.patterns += 1;
        if self.counts.patterns > MAX_PATTERNS {
            return Err(BadSchema::Patterns { place: self.shown(id) });
        }
        if text.len() > MAX_PATTERN {
            return Err(BadSchema::Pattern { place: self.shown(id), why: "it is longer than 1024 bytes" });
        }
        Ok(Pattern(text.to_owned()))
    }
}

/// Values within a value, itself included. The whole schema has been measured already.
fn values(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 1,
        Value::Array(items) => 1 + items.iter().map(values).sum::<usize>(),
        Value::Object(members) => 1 + members.values().map(values).sum::<usize>(),
    }
}

/// Steps to compare something with a value: its parts, and its letters in pieces.
fn compared(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 1,
        Value::String(text) => 1 + text.len() / 64,
        Value::Array(items) => 1 + items.iter().map(compared).sum::<usize>(),
        Value::Object(members) => {
            1 + members.iter().map(|(name, value)| 1 + name.len() / 64 + compared(value)).sum::<usize>()
        }
    }
}

/// How many schemas one value goes through at one place, and in how long a chain.
struct Spread<'a> {
    graph: &'a Graph,
    known: Vec<Option<(usize, usize)>>,
    open: Vec<bool>,
}

impl<'a> Spread<'a> {
    fn new(graph: &'a Graph) -> Self {
        Self { graph, known: vec![None; graph.places.len()], open: vec![false; graph.places.len()] }
    }

    fn measure(mut self) -> Result<(), BadSchema> {
        (0..self.graph.places.len()).try_for_each(|id| self.at(id, 0).map(drop))
    }

    /// The number of schemas and the longest chain. It is reached by recursion, which ends at the bound of chains.
    fn at(&mut self, id: Id, depth: usize) -> Result<(usize, usize), BadSchema> {
        let place = || shortened(&self.graph.pointer(id));
        if let Some(known) = self.known.get(id).copied().flatten() {
            return Ok(known);
        }
        if self.open.get(id) == Some(&true) {
            return Err(BadSchema::Endless { place: place() });
        }
        if depth >= MAX_HERE_DEPTH {
            return Err(BadSchema::Chain { place: place() });
        }
        if let Some(open) = self.open.get_mut(id) {
            *open = true;
        }
        let (mut sum, mut longest) = (1_usize, 0_usize);
        let here = self.graph.place(id).map_or(&[][..], |place| &place.here);
        for below in here {
            let (more, chain) = self.at(*below, depth + 1)?;
            sum = sum.saturating_add(more);
            longest = longest.max(chain);
        }
        if let Some(open) = self.open.get_mut(id) {
            *open = false;
        }
        if sum > MAX_HERE {
            return Err(BadSchema::FansOut { place: shortened(&self.graph.pointer(id)) });
        }
        if longest + 1 > MAX_HERE_DEPTH {
            return Err(BadSchema::Chain { place: shortened(&self.graph.pointer(id)) });
        }
        if let Some(known) = self.known.get_mut(id) {
            *known = Some((sum, longest + 1));
        }
        Ok((sum, longest + 1))
    }
}
