//! Job title and department: what Workday says against what the directories show.

use super::{Case, DIRECTORIES};
use crate::evidence::{Evidence, listed};
use crate::join::Account;
use crate::model::{Finding, System};
use crate::rules::Rule;
use crate::text::{self, Compared, Words};

/// A field that both sides have.
struct Field<'a> {
    name: &'static str,
    differs: Rule,
    spelling: Rule,
    words: &'a Words,
    /// The value that is right.
    worker: Option<&'a str>,
    account: fn(&Account<'a>) -> Option<&'a str>,
}

impl<'a> Case<'_, 'a> {
    pub(super) fn fields(&self, found: &mut Vec<Finding>) {
        let rules = self.audit.rules;
        self.field(
            &Field {
                name: "job_title",
                differs: Rule::PersonTitle,
                spelling: Rule::PersonTitleSpelling,
                words: &rules.titles,
                worker: self.person.worker.title.as_deref(),
                account: |account| account.title,
            },
            found,
        );
        self.field(
            &Field {
                name: "department",
                differs: Rule::PersonDepartment,
                spelling: Rule::PersonDepartmentSpelling,
                words: &rules.departments,
                worker: self.person.worker.department.as_deref(),
                account: |account| account.department,
            },
            found,
        );
    }

    /// One finding for the directories that say something else, one for those that say it in other words. A value that one
    /// side lacks is no difference.
    fn field(&self, field: &Field<'a>, found: &mut Vec<Finding>) {
        let compared = |rule: Rule, result: Compared| -> Vec<(System, &'a str)> {
            let systems = &self.audit.rules.entry(rule).systems;
            let of = DIRECTORIES.into_iter().filter(|system| systems.contains(system));
            let value = |system| Some((system, (field.account)(&self.only(system)?.account)?));
            let is_it = |(_, value): &(System, &str)| field.words.compare(field.worker, Some(value)) == result;
            of.filter_map(value).filter(is_it).collect()
        };
        for (rule, result) in [(field.differs, Compared::Different), (field.spelling, Compared::Spelling)] {
            let others = compared(rule, result);
            if others.is_empty() {
                continue;
            }
            let says: Vec<String> =
                others.iter().map(|(system, value)| format!("{} in {}", text::quoted(value), system.name())).collect();
            let right = text::quoted(field.worker.unwrap_or_default());
            let field_name = field.name.replace('_', " ");
            let says = listed(&says.iter().map(String::as_str).collect::<Vec<_>>());
            let means = if result == Compared::Spelling { ", which means the same" } else { "" };
            let says = format!("{field_name} is {says}, and {right} in Workday{means}");
            let account = |link: &crate::join::Link<'a>| (field.account)(&link.account).map(str::to_owned);
            let values = self.values(text::told(field.worker), &DIRECTORIES, account);
            let evidence = Evidence::new(values, self.confidence(&DIRECTORIES));
            found.push(Finding { field: Some(field.name.to_owned()), ..self.finding(rule, &says, evidence) });
        }
    }
}
