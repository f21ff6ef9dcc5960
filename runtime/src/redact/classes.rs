//! What a field holds of a person. A tool's schema says so (`x-nexus-class`), or else the field's name does.
//!
//! # From the schema
//!
//! `"x-nexus-class": "person"` (or `secret`, `pay`, `health`) on a property speaks for it and all below it, unless a property
//! below says otherwise; `"none"` says that a name misleads. It is looked for wherever a schema can apply: through properties
//! and items of every kind, `anyOf`, `allOf` and the like, and references, however deep a value recurses. Where several speak of
//! one place, the class that hides most holds.
//!
//! # From the name
//!
//! A name is read by word, as names of secrets are, and its last words decide: `manager_email` is a person's, `email_count` is not. A
//! plural's `s` and digits at the end do not matter.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::{Deserialize, Serialize};

use super::words;
use crate::schema::{Graph, Schema};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    Secret,
    /// Who somebody is: names, addresses, numbers that stand for one person.
    Person,
    Pay,
    Health,
}

/// Classes of a tool's fields, as its schema has them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Classes {
    /// Each is what several places of the schema say together of one place of a value. The first is of the value itself.
    states: Vec<State>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct State {
    /// Of this place. `Some(None)`: none, whatever the name says.
    own: Option<Option<Class>>,
    fields: BTreeMap<String, usize>,
    /// Of list elements, and of fields that the schema does not name.
    rest: Option<usize>,
}

/// What the schema says of one place of a value.
#[derive(Debug, Clone, Copy)]
pub struct ClassesAt<'a> {
    all: &'a Classes,
    /// None: the schema says nothing.
    state: Option<&'a State>,
}

/// Why a schema's classes cannot be told. The place is a JSON pointer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadClass {
    #[error("x-nexus-class at {place:?} is {found}: expected \"secret\", \"person\", \"pay\", \"health\" or \"none\"")]
    Unknown { place: String, found: String },
    #[error("says of its fields more than {MOST} things, counted for each way that leads to them")]
    TooMany,
}

/// Places and fields looked at while classes are gathered. A schema whose alternatives mix may have very many.
const MOST: usize = 100_000;

impl Class {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Secret => "secret",
            Self::Person => "person",
            Self::Pay => "pay",
            Self::Health => "health",
        }
    }

    /// What a field's name says of it. Secrets have names of their own, see [`super::words`].
    pub fn of_name(name: &str) -> Option<Self> {
        let words = words::words(name);
        let ends = |rule: &&[&str]| {
            let start = words.len().checked_sub(rule.len())?;
            let tail = words.get(start..)?;
            tail.iter()
                .zip(*rule)
                .all(|(word, wanted)| word == wanted || word.strip_suffix('s') == Some(wanted))
                .then_some(())
        };
        let fits = |rules: &[&[&str]]| rules.iter().any(|rule| ends(rule).is_some());
        [(Self::Health, HEALTH), (Self::Pay, PAY), (Self::Person, PERSON)]
            .into_iter()
            .find_map(|(class, rules)| fits(rules).then_some(class))
    }
}

#[rustfmt::skip]
const PERSON: &[&[&str]] = &[
    &["email"], &["mail"], &["email", "address"], &["mail", "address"], &["upn"], &["principal", "name"], &["user", "id"], &["userid"],
    &["user", "name"], &["username"], &["login"], &["login", "name"], &["logon", "name"], &["sam", "account", "name"], &["account", "name"],
    &["sign", "in", "name"], &["display", "name"], &["first", "name"], &["last", "name"], &["given", "name"], &["family", "name"],
    &["middle", "name"], &["full", "name"], &["preferred", "name"], &["legal", "name"], &["maiden", "name"], &["person", "name"],
    &["contact", "name"], &["employee", "name"], &["worker", "name"], &["surname"], &["forename"], &["nickname"], &["firstname"], &["lastname"],
    &["phone"], &["phone", "number"], &["telephone"], &["telephone", "number"], &["mobile"], &["mobile", "number"], &["fax"], &["fax", "number"],
    &["street"], &["street", "line"], &["street", "address"], &["home", "address"], &["address", "line"], &["postal"], &["postal", "code"], &["postcode"],
    &["zip", "code"], &["zipcode"], &["employee", "id"], &["employee", "number"], &["worker", "id"], &["person", "id"], &["personnel", "number"],
    &["date", "of", "birth"], &["birth", "date"], &["birthdate"], &["birthday"], &["dob"], &["place", "of", "birth"], &["gender"], &["nationality"],
    &["ssn"], &["bsn"], &["nino"], &["national", "id"], &["social", "security", "number"], &["passport", "number"], &["tax", "id"],
    &["assignee"], &["assigned", "to"], &["requester"], &["manager"], &["last", "user"], &["owner", "name"], &["recipient"],
    &["on", "behalf", "of"], &["photo"], &["manager", "dn"],
];

#[rustfmt::skip]
const PAY: &[&[&str]] = &[
    &["salary"], &["base", "pay"], &["pay", "rate"], &["pay", "grade"], &["pay", "range", "min"], &["pay", "range", "max"], &["wage"], &["compensation"],
    &["bonus"], &["commission"], &["stipend"], &["payroll", "id"], &["iban"], &["bank", "account"], &["bank", "account", "number"], &["sort", "code"],
];

#[rustfmt::skip]
const HEALTH: &[&[&str]] = &[
    &["diagnosis"], &["diagnoses"], &["sick", "leave"], &["medical", "leave"], &["medical", "condition"], &["disability"], &["blood", "type"],
    &["medication"], &["allergy"], &["allergies"], &["pregnancy"], &["health", "condition"], &["health", "insurance", "number"],
];

/// How much a class hides: a secret never passes, the others as the operator has it.
fn hides(class: Option<Class>) -> u8 {
    match class {
        None => 0,
        Some(Class::Person) => 1,
        Some(Class::Pay) => 2,
        Some(Class::Health) => 3,
        Some(Class::Secret) => 4,
    }
}

impl Classes {
    pub fn of(schema: &Schema) -> Result<Self, BadClass> {
        let graph = schema.graph();
        let mut gathering =
            Gathering { graph, states: Vec::new(), numbers: HashMap::new(), queue: Vec::new(), looked: 0 };
        gathering.state([0])?;
        while let Some((number, places)) = gathering.queue.pop() {
            gathering.read(number, &places)?;
        }
        Ok(Self { states: gathering.states })
    }

    /// Of the value itself.
    pub fn top(&self) -> ClassesAt<'_> {
        ClassesAt { all: self, state: self.states.first() }
    }
}

impl<'a> ClassesAt<'a> {
    /// The class of a field, where the container's is `above`.
    pub fn field(self, name: &str, above: Option<Class>) -> (Self, Option<Class>) {
        let below = self.state.and_then(|state| state.fields.get(name).copied().or(state.rest));
        let below = self.at(below);
        (below, below.own().unwrap_or_else(|| above.or_else(|| Class::of_name(name))))
    }

    /// The class of a list's elements, where the list's is `above`.
    pub fn element(self, above: Option<Class>) -> (Self, Option<Class>) {
        let below = self.state.and_then(|state| state.rest).map_or(self, |rest| self.at(Some(rest)));
        (below, below.own().unwrap_or(above))
    }

    fn at(self, number: Option<usize>) -> Self {
        Self { state: number.and_then(|number| self.all.states.get(number)), ..self }
    }

    fn own(self) -> Option<Option<Class>> {
        self.state.and_then(|state| state.own)
    }
}

/// Makes one state of each set of places that can speak of one place of a value, so that what recurses comes back to the
/// state that it began in.
struct Gathering<'a> {
    graph: &'a Graph,
    states: Vec<State>,
    numbers: HashMap<Vec<usize>, usize>,
    queue: Vec<(usize, Vec<usize>)>,
    looked: usize,
}

impl Gathering<'_> {
    fn look(&mut self, more: usize) -> Result<(), BadClass> {
        self.looked = self.looked.saturating_add(more);
        if self.looked > MOST { Err(BadClass::TooMany) } else { Ok(()) }
    }

    /// The number of the state that some places make, with everything that applies where they do.
    fn state(&mut self, places: impl IntoIterator<Item = usize>) -> Result<usize, BadClass> {
        let mut all: BTreeSet<usize> = BTreeSet::new();
        let mut open: Vec<usize> = places.into_iter().collect();
        while let Some(place) = open.pop() {
            if all.insert(place) {
                let here = self.graph.place(place).map_or(&[][..], |place| &place.here);
                self.look(1 + here.len())?;
                open.extend(here);
            }
        }
        let all: Vec<usize> = all.into_iter().collect();
        if let Some(number) = self.numbers.get(&all) {
            return Ok(*number);
        }
        let number = self.states.len();
        self.states.push(State::default());
        self.numbers.insert(all.clone(), number);
        self.queue.push((number, all));
        Ok(number)
    }

    fn read(&mut self, number: usize, places: &[usize]) -> Result<(), BadClass> {
        let mut own: Option<Option<Class>> = None;
        let (mut fields, mut rest) = (BTreeMap::<&str, Vec<usize>>::new(), Vec::new());
        for id in places {
            let Some(place) = self.graph.place(*id) else { continue };
            self.looked = self.looked.saturating_add(place.properties.len());
            if let Some(found) = &place.class {
                let bad = || BadClass::Unknown { place: self.graph.pointer(*id), found: found.to_string() };
                let is_none = found.as_str() == Some("none");
                let class = if is_none { None } else { Some(Class::deserialize(found).map_err(|_| bad())?) };
                // Of several the one that hides most.
                own = Some([own.flatten(), class].into_iter().max_by_key(|class| hides(*class)).flatten());
            }
            for (name, below) in &place.properties {
                fields.entry(name).or_default().push(*below);
            }
            rest.extend(place.prefix.iter().copied());
            rest.extend(place.patterns.iter().map(|(_, below)| *below));
            rest.extend(
                [place.items, place.contains, place.additional, place.leftover_items, place.leftover_members]
                    .into_iter()
                    .flatten(),
            );
        }
        self.look(rest.len())?;
        let fields = fields
            .into_iter()
            .map(|(name, below)| Ok((name.to_owned(), self.state(below)?)))
            .collect::<Result<_, BadClass>>()?;
        let rest = if rest.is_empty() { None } else { Some(self.state(rest)?) };
        if let Some(state) = self.states.get_mut(number) {
            *state = State { own, fields, rest };
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn a_name_is_read_by_its_last_words() {
        for (name, class) in [
            ("email", Some(Class::Person)),
            ("emails", Some(Class::Person)),
            ("managerEmail", Some(Class::Person)),
            ("user_principal_name", Some(Class::Person)),
            ("userPrincipalName", Some(Class::Person)),
            ("user_id_or_upn", Some(Class::Person)),
            ("sAMAccountName", Some(Class::Person)),
            ("displayName", Some(Class::Person)),
            ("street2", Some(Class::Person)),
            ("streetLines", Some(Class::Person)),
            ("worker-id", Some(Class::Person)),
            ("date_of_birth", Some(Class::Person)),
            ("base_salary", Some(Class::Pay)),
            ("IBAN", Some(Class::Pay)),
            ("bankAccountNumber", Some(Class::Pay)),
            ("sick_leave", Some(Class::Health)),
            ("diagnosis", Some(Class::Health)),
            // What only holds such a word, or speaks about it.
            ("email_count", None),
            ("mail_enabled", None),
            ("phone_model", None),
            ("streetview", None),
            ("blackmail", None),
            ("emailed", None),
            ("group_name", None),
            ("device_name", None),
            ("shipping_address_type", None),
            ("salary_review_date", None),
            ("host_name", None),
            ("name", None),
            ("id", None),
            ("uploads", None),
            ("", None),
        ] {
            assert_eq!(Class::of_name(name), class, "{name}");
        }
    }

    #[test]
    fn every_entry_of_the_lists_is_found_in_every_spelling() {
        let capital = |word: &str| word[..1].to_uppercase() + &word[1..];
        let mut n_rules = 0;
        for (class, rules) in [(Class::Health, HEALTH), (Class::Pay, PAY), (Class::Person, PERSON)] {
            for rule in rules {
                n_rules += 1;
                let capitals: String = rule.iter().map(|word| capital(word)).collect();
                let camel = rule[0].to_owned() + &rule[1..].iter().map(|word| capital(word)).collect::<String>();
                for name in
                    [rule.join("_"), rule.join("-"), rule.join(" "), rule.join("_").to_uppercase(), capitals, camel]
                {
                    assert_eq!(Class::of_name(&name), Some(class), "{name}");
                    assert_eq!(Class::of_name(&format!("their_{name}")), Some(class), "their_{name}");
                    assert_eq!(Class::of_name(&format!("{name}_2")), Some(class), "{name}_2");
                    // The last word decides.
                    assert_eq!(Class::of_name(&format!("{name}_kind")), None, "{name}_kind");
                }
                assert_eq!(Class::of_name(&format!("{}s", rule.join("_"))), Some(class), "{rule:?}");
            }
        }
        assert!(n_rules > 100, "{n_rules}");
        // None of several words is hidden by a shorter one of another class.
        let all: Vec<_> = PERSON.iter().chain(PAY).chain(HEALTH).collect();
        assert_eq!(all.iter().collect::<std::collections::BTreeSet<_>>().len(), all.len(), "an entry stands twice");
    }

    #[test]
    fn a_schema_goes_before_the_name_and_reaches_below() {
        let schema = json!({
            "type": "object",
            "properties": {
                "query": { "type": "string", "x-nexus-class": "person" },
                "email": { "type": "string", "x-nexus-class": "none" },
                "people": { "type": "array", "items": { "$ref": "#/$defs/person" } },
                "leave": { "x-nexus-class": "health", "type": "object", "properties": { "code": {}, "unit": { "x-nexus-class": "none" } } },
                "either": { "anyOf": [{ "type": "null" }, { "type": "string", "x-nexus-class": "pay" }] },
                "table": { "type": "object", "additionalProperties": { "x-nexus-class": "secret" } },
            },
            "$defs": { "person": { "type": "object", "properties": { "alias": { "x-nexus-class": "person" }, "boss": { "$ref": "#/$defs/person" } } } },
        });
        let classes = of(&schema).unwrap();
        let at = |path: &[&str]| {
            let (mut here, mut class) = (classes.top(), None);
            for step in path {
                (here, class) = if *step == "*" { here.element(class) } else { here.field(step, class) };
            }
            class
        };
        for (path, class) in [
            (vec!["query"], Some(Class::Person)),
            (vec!["email"], None),
            (vec!["people", "*", "alias"], Some(Class::Person)),
            (vec!["people", "*", "boss", "boss", "alias"], Some(Class::Person)),
            (vec!["people", "*", "email"], Some(Class::Person)),
            (vec!["people", "*", "colour"], None),
            (vec!["leave"], Some(Class::Health)),
            (vec!["leave", "code"], Some(Class::Health)),
            (vec!["leave", "unit"], None),
            (vec!["either"], Some(Class::Pay)),
            (vec!["table", "anything"], Some(Class::Secret)),
            (vec!["unheard", "of", "upn"], Some(Class::Person)),
        ] {
            assert_eq!(at(&path), class, "{path:?}");
        }
    }

    #[test]
    fn an_unknown_class_is_an_error_with_its_place() {
        for found in [json!("private"), json!("Person"), json!(1), json!(null), json!(["person"])] {
            let schema =
                json!({ "properties": { "list": { "items": { "properties": { "x": { "x-nexus-class": found } } } } } });
            let error = of(&schema).unwrap_err();
            let place = "x-nexus-class at \"/properties/list/items/properties/x\" is ";
            assert!(error.to_string().starts_with(place), "{error}");
        }
        assert_eq!(of(&json!(true)).unwrap().top().field("note", None).1, None);
    }

    #[test]
    fn a_class_is_found_wherever_a_schema_can_apply() {
        let person = json!({ "properties": { "x": { "x-nexus-class": "person" } } });
        let list = json!({ "properties": { "x": { "items": { "x-nexus-class": "person" } } } });
        for (schema, path) in [
            (json!({ "allOf": [person] }), vec!["x"]),
            (json!({ "anyOf": [{}, person] }), vec!["x"]),
            (json!({ "oneOf": [person, {}] }), vec!["x"]),
            (json!({ "not": person }), vec!["x"]),
            (json!({ "if": person }), vec!["x"]),
            (json!({ "then": person }), vec!["x"]),
            (json!({ "else": person }), vec!["x"]),
            (json!({ "dependentSchemas": { "y": person } }), vec!["x"]),
            (json!({ "$ref": "#/$defs/p", "$defs": { "p": person } }), vec!["x"]),
            (json!({ "patternProperties": { "^a": person } }), vec!["abc", "x"]),
            (json!({ "additionalProperties": person }), vec!["abc", "x"]),
            (json!({ "unevaluatedProperties": person }), vec!["abc", "x"]),
            (json!({ "items": person }), vec!["*", "x"]),
            (json!({ "prefixItems": [{}, person] }), vec!["*", "x"]),
            (json!({ "contains": person }), vec!["*", "x"]),
            (json!({ "unevaluatedItems": person }), vec!["*", "x"]),
            (list, vec!["x", "*"]),
        ] {
            assert_eq!(class_at(&schema, &path), Some(Class::Person), "{schema}");
        }
        assert_eq!(class_at(&json!({ "properties": { "x": {} } }), &["x"]), None);
    }

    #[test]
    fn of_several_classes_at_one_place_the_one_that_hides_most_holds() {
        let order = ["none", "person", "pay", "health", "secret"];
        for (n, less) in order.iter().enumerate() {
            for more in &order[n..] {
                for [first, then] in [[less, more], [more, less]] {
                    let schema = json!({ "properties": { "x": { "anyOf": [
                        { "x-nexus-class": first }, { "x-nexus-class": then },
                    ] } } });
                    let expected = Class::deserialize(json!(more)).ok();
                    assert_eq!(class_at(&schema, &["x"]), expected, "{first} and {then}");
                }
            }
        }
    }

    #[test]
    fn a_class_is_found_at_any_depth_of_what_recurses() {
        let schema = json!({
            "$ref": "#/$defs/node",
            "$defs": { "node": { "properties": {
                "left": { "$ref": "#/$defs/node" }, "right": { "$ref": "#/$defs/node" },
                "alias": { "x-nexus-class": "person" },
            } } },
        });
        let mut path = ["left", "right"].repeat(50);
        path.push("alias");
        assert_eq!(class_at(&schema, &path), Some(Class::Person));
    }

    #[test]
    fn classes_are_gathered_within_a_bound() {
        // What the field before last was decides: to know it takes a state for each row of the last n fields.
        let rows = |n: usize| {
            let to = |n: usize| json!({ "$ref": format!("#/$defs/{n}") });
            let mut defs = serde_json::Map::new();
            defs.insert("0".to_owned(), json!({ "properties": { "a": { "anyOf": [to(0), to(1)] }, "b": to(0) } }));
            for at in 1..n {
                defs.insert(at.to_string(), json!({ "properties": { "a": to(at + 1), "b": to(at + 1) } }));
            }
            defs.insert(n.to_string(), json!({}));
            json!({ "$ref": "#/$defs/0", "$defs": defs })
        };
        assert!(of(&rows(8)).is_ok());
        assert_eq!(of(&rows(16)), Err(BadClass::TooMany));
    }

    /// Each entry of the lists, in each way that names are written.
    #[test]
    fn every_name_of_the_lists_is_of_its_class() {
        for (class, rules) in [(Class::Person, PERSON), (Class::Pay, PAY), (Class::Health, HEALTH)] {
            for words in rules {
                let capital = |word: &&str| word[..1].to_uppercase() + &word[1..];
                let joined: String = words.iter().map(capital).collect();
                let camel = joined[..1].to_lowercase() + &joined[1..];
                for name in [words.join("_"), words.join("-"), joined, camel, format!("old_{}", words.join("_"))] {
                    assert_eq!(Class::of_name(&name), Some(class), "{name}");
                }
                let more = format!("{}_count", words.join("_"));
                assert_eq!(Class::of_name(&more), None, "{more}");
            }
        }
        // Entries cannot be left out unseen: each list has as many as it had.
        assert_eq!([PERSON.len(), PAY.len(), HEALTH.len()], [83, 16, 13]);
    }

    fn of(schema: &Value) -> Result<Classes, BadClass> {
        Classes::of(&Schema::read(schema.clone()).unwrap())
    }

    fn class_at(schema: &Value, path: &[&str]) -> Option<Class> {
        let classes = of(schema).unwrap();
        let (mut here, mut class) = (classes.top(), None);
        for step in path {
            (here, class) = if *step == "*" { here.element(class) } else { here.field(step, class) };
        }
        class
    }
}
