//! What the operator wants results to say of persons. Secrets never pass; this decides about everything else that has a class.

use aho_corasick::{AhoCorasick, MatchKind};
use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::{Class, Classes, ClassesAt, Redactions, Rule};

/// For each class whether results show it, and tools for which it is otherwise. Nothing is masked unless said.
#[derive(Debug, Clone, Default, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ResultPolicy {
    pub person: Option<Treatment>,
    pub pay: Option<Treatment>,
    pub health: Option<Treatment>,
    /// By the tool's name.
    pub tools: BTreeMap<String, Exception>,
}

/// What goes before the rest, for one tool.
#[derive(Debug, Clone, Copy, Default, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Exception {
    pub person: Option<Treatment>,
    pub pay: Option<Treatment>,
    pub health: Option<Treatment>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Treatment {
    Pass,
    Mask,
}

/// Shorter values are not looked for in text: they would be found in other words.
const SHORTEST_IN_TEXT: usize = 4;

impl ResultPolicy {
    fn treatment(&self, tool: &str, class: Class) -> Treatment {
        let exception = self.tools.get(tool).copied().unwrap_or_default();
        let (own, general) = match class {
            Class::Secret => return Treatment::Mask,
            Class::Person => (exception.person, self.person),
            Class::Pay => (exception.pay, self.pay),
            Class::Health => (exception.health, self.health),
        };
        own.or(general).unwrap_or(Treatment::Pass)
    }

    /// Masks a tool's data, and in its texts whatever was masked there.
    ///
    /// Text, numbers and switches become `[redacted:CLASS]`, so data may no longer fit the tool's output schema where that asks for
    /// a number: what is masked is not what was promised.
    pub fn mask(
        &self,
        tool: &str,
        classes: &Classes,
        data: &mut Value,
        texts: Vec<&mut String>,
        found: &mut Redactions,
    ) {
        let mut masked = Vec::new();
        let mut masking = Masking { policy: self, tool, path: Vec::new(), masked: &mut masked, found };
        masking.walk(data, classes.top(), None);
        cover(masked, texts);
    }
}

/// Takes the values out of the texts, the longest where several begin. All are sought in one pass: a shard chooses how many there are.
fn cover(mut masked: Vec<(String, Class)>, texts: Vec<&mut String>) {
    masked.sort();
    masked.dedup_by(|one, other| one.0 == other.0);
    if masked.is_empty() || texts.is_empty() {
        return;
    }
    let values = masked.iter().map(|(value, _)| value);
    let marks: Vec<_> = masked.iter().map(|(_, class)| mark(*class)).collect();
    match AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).build(values) {
        Ok(sought) => {
            for text in texts.into_iter().filter(|text| sought.is_match(text.as_str())) {
                *text = sought.replace_all(text, &marks);
            }
        }
        // More than can be sought at once: then nothing of the texts is shown.
        Err(_) => texts.into_iter().for_each(|text| mark(Class::Secret).clone_into(text)),
    }
}

struct Masking<'a> {
    policy: &'a ResultPolicy,
    tool: &'a str,
    path: Vec<String>,
    masked: &'a mut Vec<(String, Class)>,
    found: &'a mut Redactions,
}

impl Masking<'_> {
    fn walk(&mut self, value: &mut Value, at: ClassesAt<'_>, class: Option<Class>) {
        match value {
            Value::Null => {}
            Value::Object(fields) => {
                for (name, value) in fields {
                    let (below, class) = at.field(name, class);
                    self.path.push(name.clone());
                    self.walk(value, below, class);
                    self.path.pop();
                }
            }
            Value::Array(items) => {
                self.path.push("*".to_owned());
                for item in items {
                    let (below, class) = at.element(class);
                    self.walk(item, below, class);
                }
                self.path.pop();
            }
            Value::String(_) | Value::Number(_) | Value::Bool(_) => self.leaf(value, class),
        }
    }

    fn leaf(&mut self, value: &mut Value, class: Option<Class>) {
        let Some(class) = class.filter(|class| self.policy.treatment(self.tool, *class) == Treatment::Mask) else {
            return;
        };
        if let Value::String(text) = value {
            if text.is_empty() || text.starts_with("[redacted:") {
                return;
            }
            if text.len() >= SHORTEST_IN_TEXT {
                self.masked.push((text.clone(), class));
            }
        }
        *value = Value::from(mark(class));
        self.found.add(rule(class), &self.path);
    }
}

fn mark(class: Class) -> &'static str {
    match class {
        Class::Secret => super::MARK,
        Class::Person => "[redacted:person]",
        Class::Pay => "[redacted:pay]",
        Class::Health => "[redacted:health]",
    }
}

fn rule(class: Class) -> Rule {
    match class {
        Class::Secret => Rule::ClassSecret,
        Class::Person => Rule::ClassPerson,
        Class::Pay => Rule::ClassPay,
        Class::Health => Rule::ClassHealth,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn masked(policy: &str, tool: &str, schema: &Value, mut data: Value, text: &str) -> (Value, String, Vec<String>) {
        let policy: ResultPolicy = toml::from_str(policy).unwrap();
        let (mut text, mut found) = (text.to_owned(), Redactions::default());
        let schema = crate::schema::Schema::read(schema.clone()).unwrap();
        policy.mask(tool, &Classes::of(&schema).unwrap(), &mut data, vec![&mut text], &mut found);
        let found = found.iter().map(|(rule, path, count)| format!("{rule} {path} {count}")).collect();
        (data, text, found)
    }

    #[test]
    fn classes_pass_unless_the_operator_says_otherwise_and_secrets_never() {
        let schema = json!({ "properties": { "answer": { "x-nexus-class": "secret" } } });
        let data = json!({ "email": "anna@nexus.corp", "salary": 50_000, "answer": "blue", "n": 3 });
        let text = "anna@nexus.corp earns 50000; blue";
        for (policy, tool, expected, said, rules) in [
            (
                "",
                "t",
                json!({ "email": "anna@nexus.corp", "salary": 50_000, "answer": "[redacted:secret]", "n": 3 }),
                "anna@nexus.corp earns 50000; [redacted:secret]",
                vec!["class-secret /answer 1"],
            ),
            (
                "pay = \"mask\"",
                "t",
                json!({ "email": "anna@nexus.corp", "salary": "[redacted:pay]", "answer": "[redacted:secret]", "n": 3 }),
                "anna@nexus.corp earns 50000; [redacted:secret]",
                vec!["class-secret /answer 1", "class-pay /salary 1"],
            ),
            (
                "person = \"mask\"\n[tools.t]\nperson = \"pass\"",
                "t",
                json!({ "email": "anna@nexus.corp", "salary": 50_000, "answer": "[redacted:secret]", "n": 3 }),
                "anna@nexus.corp earns 50000; [redacted:secret]",
                vec!["class-secret /answer 1"],
            ),
            (
                "[tools.t]\nperson = \"mask\"",
                "t",
                json!({ "email": "[redacted:person]", "salary": 50_000, "answer": "[redacted:secret]", "n": 3 }),
                "[redacted:person] earns 50000; [redacted:secret]",
                vec!["class-secret /answer 1", "class-person /email 1"],
            ),
            (
                "[tools.other]\nperson = \"mask\"",
                "t",
                json!({ "email": "anna@nexus.corp", "salary": 50_000, "answer": "[redacted:secret]", "n": 3 }),
                "anna@nexus.corp earns 50000; [redacted:secret]",
                vec!["class-secret /answer 1"],
            ),
        ] {
            let (data, told, found) = masked(policy, tool, &schema, data.clone(), text);
            assert_eq!((data, told.as_str()), (expected, said), "{policy}");
            assert_eq!(found, rules, "{policy}");
        }
    }

    #[test]
    fn whatever_lies_below_a_class_is_of_it_and_empty_values_say_nothing() {
        let schema = json!({ "properties": { "leave": { "x-nexus-class": "health", "properties": { "unit": { "x-nexus-class": "none" } } } } });
        let data = json!({ "leave": { "code": "S1", "days": [1, 2, null, ""], "unit": "day" }, "people": [{ "upn": "a@x.test" }] });
        let (data, _, found) = masked("health = \"mask\"\nperson = \"mask\"", "t", &schema, data, "");
        let mark = "[redacted:health]";
        assert_eq!(
            data,
            json!({ "leave": { "code": mark, "days": [mark, mark, null, ""], "unit": "day" }, "people": [{ "upn": "[redacted:person]" }] })
        );
        assert_eq!(
            found,
            ["class-person /people/*/upn 1", "class-health /leave/code 1", "class-health /leave/days/* 2"]
        );
    }

    #[test]
    fn a_policy_with_an_unknown_word_is_an_error() {
        for bad in [
            "person = \"hide\"",
            "persons = \"mask\"",
            "secret = \"pass\"",
            "[tools.t]\nsecret = \"pass\"",
            "person = true",
        ] {
            assert!(toml::from_str::<ResultPolicy>(bad).is_err(), "{bad}");
        }
    }
}
