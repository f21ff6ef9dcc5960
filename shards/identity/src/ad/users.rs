//! Users of Active Directory: one, by account name or mail address, those that fit a text, or all.

use nexus_shard::directory::{Entry, Filter, Matches, Search};
use nexus_shard::{Call, Output, ToolError, Utc, arguments, data, tool};

use super::{Control, Directory, is_user, note_unknown, required, text};

/// What is told of an account among all: everything but the telephone number.
const ACCOUNT: &[&str] = &[
    "sAMAccountName",
    "userPrincipalName",
    "mail",
    "displayName",
    "givenName",
    "sn",
    "title",
    "department",
    "manager",
    "employeeID",
    "userAccountControl",
    "lastLogonTimestamp",
    "accountExpires",
    "whenCreated",
    "physicalDeliveryOfficeName",
    "objectGUID",
    "objectSid",
];

const PHONE: &str = "telephoneNumber";

const SUMMARY: &[&str] = &["sAMAccountName", "displayName", "mail", "department", "title", "userAccountControl"];

/// A user account of Active Directory, with how to reach the person.
#[data]
pub(crate) struct User {
    #[serde(flatten)]
    account: Account,
    /// Telephone number, as the directory has it.
    #[field(class = person)]
    phone: Option<String>,
}

/// A user account of Active Directory.
#[data]
pub(crate) struct Account {
    /// Account name: sAMAccountName, unique in its domain.
    #[field(class = person)]
    username: String,
    /// Sign-in name in the form of an address.
    #[field(class = person)]
    user_principal_name: Option<String>,
    /// Mail address.
    #[field(class = person)]
    email: Option<String>,
    /// Name as shown.
    #[field(class = person)]
    display_name: Option<String>,
    /// Given name.
    #[field(class = person)]
    first_name: Option<String>,
    /// Surname.
    #[field(class = person)]
    last_name: Option<String>,
    /// Job title.
    job_title: Option<String>,
    /// Department.
    department: Option<String>,
    /// Office.
    #[field(class = person)]
    office_location: Option<String>,
    /// Employee number, as the directory has it.
    #[field(class = person)]
    employee_id: Option<String>,
    /// Distinguished name of the account.
    #[field(class = person)]
    dn: String,
    /// Distinguished name of the manager's account.
    #[field(class = person)]
    manager_dn: Option<String>,
    /// Whether the account is not disabled. Null means unknown, not enabled.
    is_enabled: Option<bool>,
    /// Whether the password never expires. Null means unknown.
    password_never_expires: Option<bool>,
    /// Last logon, RFC 3339 in UTC. Active Directory updates it rarely: it may be up to 14 days behind the real one.
    /// Null: no logon is recorded.
    last_logon_at: Option<Utc>,
    /// When the account was created, RFC 3339 in UTC.
    created_at: Option<Utc>,
    /// When the account expires, RFC 3339 in UTC. Null: never.
    account_expires_at: Option<Utc>,
    /// Object id, a GUID. Entra ID derives its immutable id from it.
    object_guid: Option<String>,
    /// Security identifier, `S-1-5-21-…`.
    object_sid: Option<String>,
}

impl Account {
    fn read(entry: &Entry) -> Result<Self, ToolError> {
        let control = Control::of(entry)?;
        Ok(Self {
            username: required(entry, "sAMAccountName")?,
            user_principal_name: text(entry, "userPrincipalName")?,
            email: text(entry, "mail")?,
            display_name: text(entry, "displayName")?,
            first_name: text(entry, "givenName")?,
            last_name: text(entry, "sn")?,
            job_title: text(entry, "title")?,
            department: text(entry, "department")?,
            office_location: text(entry, "physicalDeliveryOfficeName")?,
            employee_id: text(entry, "employeeID")?,
            dn: entry.dn().to_owned(),
            manager_dn: text(entry, "manager")?,
            is_enabled: control.is_enabled(),
            password_never_expires: control.password_never_expires(),
            last_logon_at: entry.file_time("lastLogonTimestamp")?,
            created_at: entry.generalized_time("whenCreated")?,
            account_expires_at: entry.file_time("accountExpires")?,
            object_guid: entry.guid("objectGUID")?,
            object_sid: entry.sid("objectSid")?.map(|sid| sid.to_string()),
        })
    }
}

#[arguments]
pub(crate) struct GetUser {
    /// The account name (sAMAccountName), without a domain.
    #[field(length = 1..=256, class = person)]
    sam_account_name: String,
}

/// Gets one user account of Active Directory by account name (sAMAccountName), with state, job, manager and last logon.
///
/// The name is compared as a whole, in any case; `*` has no meaning. An account that the bind account may not see
/// counts as not found.
#[tool(name = "ad_get_user", title = "Get an AD user", category = read)]
pub(crate) fn get_user(arguments: GetUser, call: &Call) -> Result<Output<User>, ToolError> {
    let mut directory = Directory::of(call)?;
    let named = Filter::equal("sAMAccountName", arguments.sam_account_name);
    match directory.one(&user(&directory, named))? {
        Matches::One(entry) => one(&entry),
        Matches::None => Err(ToolError::not_found("Active Directory shows no user with this account name")),
        Matches::Several => Err(ToolError::invalid_arguments(
            "several users have this account name: they are in different domains below AD_BASE_DN",
        )),
    }
}

#[arguments]
pub(crate) struct GetUserByEmail {
    /// The mail address: the account's own, or any other address at which it receives mail.
    #[field(length = 3..=320, pattern = r"^[^@\s]+@[^@\s]+$", class = person)]
    email: String,
}

/// Gets one user account of Active Directory by a mail address: its own (`mail`), or any at which it receives mail
/// (`proxyAddresses`).
///
/// If several accounts have the address, the answer is an error that says so. An account that the bind account may not
/// see counts as not found.
#[tool(name = "ad_get_user_by_email", title = "Get an AD user by mail address", category = read)]
pub(crate) fn get_user_by_email(arguments: GetUserByEmail, call: &Call) -> Result<Output<User>, ToolError> {
    let email = arguments.email.trim();
    if !is_address(email) {
        return Err(ToolError::invalid_arguments("email is not an address (name@domain)"));
    }
    let mut directory = Directory::of(call)?;
    // `smtp:` fits the main address too, which is written `SMTP:`: the attribute is compared in any case.
    let addressed =
        Filter::any([Filter::equal("mail", email), Filter::equal("proxyAddresses", format!("smtp:{email}"))]);
    match directory.one(&user(&directory, addressed))? {
        Matches::One(entry) => {
            let output = one(&entry)?;
            let own = output.data().account.email.as_deref().is_some_and(|own| own.eq_ignore_ascii_case(email));
            Ok(if own { output } else { output.note("found by an address that is not the account's own (mail)") })
        }
        Matches::None => Err(ToolError::not_found("Active Directory shows no user with this mail address")),
        Matches::Several => Err(ToolError::invalid_arguments(
            "several users have this mail address: ask for one of them by account name",
        )),
    }
}

fn is_address(text: &str) -> bool {
    let odd = |c: char| c == '@' || c.is_whitespace() || c.is_control();
    let parts = text.split_once('@');
    parts.is_some_and(|(name, domain)| [name, domain].iter().all(|part| !part.is_empty() && !part.contains(odd)))
}

/// One user with all that is told of a person.
fn user(directory: &Directory<'_>, filter: Filter) -> Search {
    directory.search(Filter::all([is_user(), filter]), &[ACCOUNT, &[PHONE]].concat())
}

fn one(entry: &Entry) -> Result<Output<User>, ToolError> {
    let user = User { account: Account::read(entry)?, phone: text(entry, PHONE)? };
    let state = user.account.is_enabled;
    Ok(note_unknown(Output::new(user), [state]))
}

#[arguments]
pub(crate) struct ListUsers {
    /// How many users to return at most.
    #[field(range = 1..=20_000, default = 1_000)]
    limit: u32,
}

/// User accounts of Active Directory.
#[data]
pub(crate) struct AccountList {
    /// The users, in no particular order.
    users: Vec<Account>,
}

/// Lists all user accounts of Active Directory, enabled or not, with state, job, manager and last logon.
///
/// Computers and contacts are not among them. The result says whether there are more than `limit`.
#[tool(name = "ad_list_users", title = "List AD users", category = read)]
pub(crate) fn list_users(arguments: ListUsers, call: &Call) -> Result<Output<AccountList>, ToolError> {
    let mut directory = Directory::of(call)?;
    let search = directory.search(is_user(), ACCOUNT);
    let found = directory.list(&search, arguments.limit as usize, |entry| Account::read(&entry))?;
    let output = found.into_output("users", |users| AccountList { users });
    let states: Vec<_> = output.data().users.iter().map(|user| user.is_enabled).collect();
    Ok(note_unknown(output, states))
}

#[arguments]
pub(crate) struct SearchUsers {
    /// A part of the name or of the account name, or a whole mail address. `*` has no meaning.
    #[field(length = 2..=256, class = person)]
    query: String,
    /// How many users to return at most.
    #[field(range = 1..=100, default = 50)]
    limit: u32,
}

/// Users that fit a text.
#[data]
pub(crate) struct UserList {
    /// The users, in no particular order.
    users: Vec<Summary>,
}

/// A user account in few words. `ad_get_user` tells the rest.
#[data]
pub(crate) struct Summary {
    /// Account name: sAMAccountName.
    #[field(class = person)]
    username: String,
    /// Name as shown.
    #[field(class = person)]
    display_name: Option<String>,
    /// Mail address.
    #[field(class = person)]
    email: Option<String>,
    /// Department.
    department: Option<String>,
    /// Job title.
    job_title: Option<String>,
    /// Whether the account is not disabled. Null means unknown, not enabled.
    is_enabled: Option<bool>,
    /// Distinguished name of the account.
    #[field(class = person)]
    dn: String,
}

/// Searches users of Active Directory whose shown name or account name has the text in it, or whose mail address it is.
///
/// Disabled accounts are found too. The result says whether there are more than `limit`.
#[tool(name = "ad_search_users", title = "Search AD users", category = read)]
pub(crate) fn search_users(arguments: SearchUsers, call: &Call) -> Result<Output<UserList>, ToolError> {
    let query = arguments.query.trim();
    if query.chars().count() < 2 {
        return Err(ToolError::invalid_arguments("query needs 2 characters at least, blanks around it not counted"));
    }
    let mut directory = Directory::of(call)?;
    let fits = Filter::any([
        Filter::contains("displayName", query),
        Filter::contains("sAMAccountName", query),
        Filter::equal("mail", query),
    ]);
    let search = directory.search(Filter::all([is_user(), fits]), SUMMARY);
    let found = directory.list(&search, arguments.limit as usize, |entry| summary(&entry))?;
    let output = found.into_output("users", |users| UserList { users });
    let states: Vec<_> = output.data().users.iter().map(|user| user.is_enabled).collect();
    Ok(note_unknown(output, states))
}

fn summary(entry: &Entry) -> Result<Summary, ToolError> {
    Ok(Summary {
        username: required(entry, "sAMAccountName")?,
        display_name: text(entry, "displayName")?,
        email: text(entry, "mail")?,
        department: text(entry, "department")?,
        job_title: text(entry, "title")?,
        is_enabled: Control::of(entry)?.is_enabled(),
        dn: entry.dn().to_owned(),
    })
}
