//! Accounts of Active Directory that need a look: disabled ones, and those that nobody uses.

use std::time::Duration;

use nexus_shard::directory::{Entry, Filter, Found, file_time, generalized_time};
use nexus_shard::{Call, NoArguments, Output, ToolError, Utc, arguments, data, tool};

use super::{Control, Directory, MAX_ROWS, is_disabled, is_user, note_gaps, note_unknown, required, text};

/// `lastLogonTimestamp` is up to 14 days behind (msDS-LogonTimeSyncInterval): below that, its age says nothing.
const LAG_DAYS: u32 = 15;

/// What is known of a disabled account: all but how to reach the person.
const DISABLED_ACCOUNT: &[&str] = &[
    "sAMAccountName",
    "userPrincipalName",
    "mail",
    "displayName",
    "title",
    "department",
    "manager",
    "employeeID",
    "userAccountControl",
    "lastLogonTimestamp",
    "accountExpires",
    "whenCreated",
    "objectGUID",
    "objectSid",
];

const STALE_ACCOUNT: &[&str] =
    &["sAMAccountName", "displayName", "userAccountControl", "lastLogonTimestamp", "whenCreated"];

/// Disabled user accounts.
#[data]
pub(crate) struct DisabledAccounts {
    /// The accounts, in no particular order.
    accounts: Vec<DisabledAccount>,
}

/// A disabled user account. Active Directory does not record when an account was disabled.
#[data]
pub(crate) struct DisabledAccount {
    /// Account name: sAMAccountName.
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
    /// Job title.
    job_title: Option<String>,
    /// Department.
    department: Option<String>,
    /// Employee number, as the directory has it.
    #[field(class = person)]
    employee_id: Option<String>,
    /// Distinguished name of the account.
    #[field(class = person)]
    dn: String,
    /// Distinguished name of the manager's account.
    #[field(class = person)]
    manager_dn: Option<String>,
    /// Whether the account is not disabled: false, or null if the directory did not tell.
    is_enabled: Option<bool>,
    /// Last logon, RFC 3339 in UTC; up to 14 days behind the real one. Null: no logon is recorded.
    last_logon_at: Option<Utc>,
    /// When the account was created, RFC 3339 in UTC.
    created_at: Option<Utc>,
    /// When the account expires, RFC 3339 in UTC. Null: never.
    account_expires_at: Option<Utc>,
    /// Object id, a GUID.
    object_guid: Option<String>,
    /// Security identifier, `S-1-5-21-…`.
    object_sid: Option<String>,
}

/// Lists all disabled user accounts of Active Directory.
///
/// An account counts as disabled by the bit for it in userAccountControl, whatever other bits are set. Up to 20000
/// accounts; the result says whether there are more.
#[tool(name = "ad_get_disabled_accounts", title = "List disabled AD accounts", category = read)]
pub(crate) fn get_disabled_accounts(_: NoArguments, call: &Call) -> Result<Output<DisabledAccounts>, ToolError> {
    let mut directory = Directory::of(call)?;
    let search = directory.search(Filter::all([is_user(), is_disabled()]), DISABLED_ACCOUNT);
    let found = directory.list(&search, MAX_ROWS, |entry| disabled(&entry))?;
    let output = found.into_output("disabled accounts", |accounts| DisabledAccounts { accounts });
    let states: Vec<_> = output.data().accounts.iter().map(|account| account.is_enabled).collect();
    Ok(note_unknown(output, states))
}

fn disabled(entry: &Entry) -> Result<DisabledAccount, ToolError> {
    Ok(DisabledAccount {
        username: required(entry, "sAMAccountName")?,
        user_principal_name: text(entry, "userPrincipalName")?,
        email: text(entry, "mail")?,
        display_name: text(entry, "displayName")?,
        job_title: text(entry, "title")?,
        department: text(entry, "department")?,
        employee_id: text(entry, "employeeID")?,
        dn: entry.dn().to_owned(),
        manager_dn: text(entry, "manager")?,
        is_enabled: Control::of(entry)?.is_enabled(),
        last_logon_at: entry.file_time("lastLogonTimestamp")?,
        created_at: entry.generalized_time("whenCreated")?,
        account_expires_at: entry.file_time("accountExpires")?,
        object_guid: entry.guid("objectGUID")?,
        object_sid: entry.sid("objectSid")?.map(|sid| sid.to_string()),
    })
}

#[arguments]
pub(crate) struct GetStaleAccounts {
    /// Days without a logon. Below 15 the answer says little, for the directory's record of logons is up to 14 days
    /// behind.
    #[field(range = 1..=3650, default = 90)]
    days_inactive: u32,
}

/// Enabled user accounts that nobody uses.
#[data]
pub(crate) struct StaleAccounts {
    /// Last logons up to this time count as long ago, RFC 3339 in UTC.
    cutoff: Utc,
    /// Accounts whose last recorded logon is not after the cutoff, in no particular order.
    stale: Vec<StaleAccount>,
    /// Accounts created by the cutoff for which no logon was ever recorded, in no particular order.
    never_logged_on: Vec<StaleAccount>,
}

/// An account that nobody uses.
#[data]
pub(crate) struct StaleAccount {
    /// Account name: sAMAccountName.
    #[field(class = person)]
    username: String,
    /// Name as shown.
    #[field(class = person)]
    display_name: Option<String>,
    /// Distinguished name of the account.
    #[field(class = person)]
    dn: String,
    /// Whether the account is not disabled: true, or null if the directory did not tell.
    is_enabled: Option<bool>,
    /// Last logon, RFC 3339 in UTC; up to 14 days behind the real one. Null: no logon is recorded.
    last_logon_at: Option<Utc>,
    /// When the account was created, RFC 3339 in UTC.
    created_at: Option<Utc>,
}

/// Lists user accounts of Active Directory that are not disabled and were not used for `days_inactive` days, and apart
/// from them those that never were.
///
/// The last logon is lastLogonTimestamp, which is up to 14 days behind the real one: an account listed here may have
/// been used up to 14 days later than it seems. Accounts created after the cutoff are left out of `never_logged_on`. Up
/// to 20000 accounts in each list; the result says whether there are more.
#[tool(name = "ad_get_stale_accounts", title = "List stale AD accounts", category = read)]
pub(crate) fn get_stale_accounts(arguments: GetStaleAccounts, call: &Call) -> Result<Output<StaleAccounts>, ToolError> {
    let days = arguments.days_inactive;
    let age = Duration::from_secs(u64::from(days) * 24 * 60 * 60);
    let cutoff = call.now().checked_sub(age).map(|cutoff| Duration::from_secs(cutoff.as_secs()));
    let cutoff = cutoff.and_then(Utc::since_1970);
    let cutoff = cutoff.ok_or_else(|| ToolError::internal("the clock is outside of the years 1970 to 9999"))?;

    let mut directory = Directory::of(call)?;
    // 0 is "never", like no value at all, and below every cutoff.
    let used = Filter::at_least("lastLogonTimestamp", "1");
    let long_ago = Filter::at_most("lastLogonTimestamp", file_time(cutoff));
    let never =
        Filter::any([Filter::not(Filter::present("lastLogonTimestamp")), Filter::equal("lastLogonTimestamp", "0")]);
    let old = Filter::at_most("whenCreated", generalized_time(cutoff));
    let stale = accounts(&mut directory, [used, long_ago])?;
    let never_logged_on = accounts(&mut directory, [never, old])?;

    let gaps = [stale.gaps("stale accounts"), never_logged_on.gaps("accounts that were never used")];
    let states: Vec<_> =
        stale.entries.iter().chain(&never_logged_on.entries).map(|account| account.is_enabled).collect();
    let data = StaleAccounts { cutoff, stale: stale.entries, never_logged_on: never_logged_on.entries };
    let output = note_unknown(note_gaps(Output::new(data), gaps.concat()), states);
    Ok(if days < LAG_DAYS {
        output.note(format!(
            "{days} days are less than the directory's own delay in recording logons (up to 14 days): accounts in daily \
             use may be among the stale ones"
        ))
    } else {
        output
    })
}

fn accounts(directory: &mut Directory<'_>, filters: [Filter; 2]) -> Result<Found<StaleAccount>, ToolError> {
    let filters = [is_user(), Filter::not(is_disabled())].into_iter().chain(filters);
    let search = directory.search(Filter::all(filters), STALE_ACCOUNT);
    directory.list(&search, MAX_ROWS, |entry| {
        Ok(StaleAccount {
            username: required(&entry, "sAMAccountName")?,
            display_name: text(&entry, "displayName")?,
            dn: entry.dn().to_owned(),
            is_enabled: Control::of(&entry)?.is_enabled(),
            last_logon_at: entry.file_time("lastLogonTimestamp")?,
            created_at: entry.generalized_time("whenCreated")?,
        })
    })
}
