//! Managers: whom Workday names against whom Active Directory names.

use super::{Case, name};
use crate::evidence::Evidence;
use crate::join::{Found, Link};
use crate::model::{Finding, System};
use crate::read::Worker;
use crate::rules::Rule;
use crate::text;

const SYSTEMS: [System; 1] = [System::ActiveDirectory];

impl<'a> Case<'_, 'a> {
    pub(super) fn manager(&self, found: &mut Vec<Finding>) {
        let Some(number) = text::told(self.person.worker.manager_employee_id.as_deref()) else { return };
        let manager = self.audit.joined.worker(self.audit.rules, Some(number));
        self.manager_gone(number, &manager, found);

        let Some(link) = self.only(System::ActiveDirectory) else { return };
        match link.account.manager_dn {
            None => {
                let says =
                    format!("Workday names a manager ({}), Active Directory names none", called(number, &manager));
                found.push(self.about_manager(Rule::PersonManagerMissing, &says, number, &manager));
            }
            Some(dn) => {
                // An account that was not read, or is no worker's, may be the manager's: nothing is concluded from it.
                let Some((_, owner)) = self.audit.joined.owner(dn) else { return };
                let rules = self.audit.rules;
                let (theirs, named) = (rules.employee_key(Some(&owner.employee_id)), rules.employee_key(Some(number)));
                if theirs.is_some() && named.is_some() && theirs != named {
                    let (right, wrong) = (called(number, &manager), label(owner));
                    let says = format!("the manager is {wrong} in Active Directory, and {right} in Workday");
                    found.push(self.about_manager(Rule::PersonManager, &says, number, &manager));
                }
            }
        }
    }

    fn manager_gone(&self, number: &str, manager: &Found<'a>, found: &mut Vec<Finding>) {
        let says = match manager {
            Found::One(manager) if self.audit.has_left(manager) => {
                format!("the manager, {}, has left", label(manager))
            }
            Found::None if self.audit.asked.proves_absence(System::Workday) => {
                format!("the manager, {}, is no worker", text::named(number))
            }
            Found::One(_) | Found::None | Found::Unclear => return,
        };
        found.push(self.about_manager(Rule::PersonManagerGone, &says, number, manager));
    }

    fn about_manager(&self, rule: Rule, says: &str, number: &str, manager: &Found<'a>) -> Finding {
        let account = |link: &Link<'a>| {
            let dn = link.account.manager_dn?;
            Some(self.audit.joined.owner(dn).map_or_else(|| dn.to_owned(), |(_, owner)| label(owner)))
        };
        let systems: &[System] = if rule == Rule::PersonManagerGone { &[] } else { &SYSTEMS };
        let values = self.values(Some(&called(number, manager)), systems, account);
        let evidence = Evidence::new(values, self.confidence(systems));
        Finding { field: Some("manager".to_owned()), ..self.finding(rule, says, evidence) }
    }
}

fn called(number: &str, manager: &Found<'_>) -> String {
    match manager {
        Found::One(worker) => label(worker),
        Found::None | Found::Unclear => text::named(number),
    }
}

fn label(worker: &Worker) -> String {
    format!("{} ({})", text::named(&name(worker)), text::named(&worker.employee_id))
}
