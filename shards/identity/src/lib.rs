//! The identity shard: what Microsoft Entra ID knows about people, groups and sign-ins, read through Microsoft Graph,
//! and what Active Directory knows about people, groups and accounts, read through LDAP.
//!
//! Every tool asks for named fields, follows every page up to its limit, and returns the same typed result from the
//! real upstream and from a mock. A field that Graph was asked for and did not send is an error, not a default: an
//! account state nobody read must never look like an enabled account.

mod ad;
mod graph;
mod groups;
mod security;
mod service_principals;
#[cfg(test)]
mod tests;
mod users;

use groups::{get_group_members, list_groups};
use security::{get_conditional_access_policies, get_risky_users, get_signin_logs};
use service_principals::list_service_principals;
use users::{get_user, list_users};

nexus_shard::shard! {
    tools: [
        list_users,
        get_user,
        list_groups,
        get_group_members,
        list_service_principals,
        get_conditional_access_policies,
        get_signin_logs,
        get_risky_users,
        ad::get_user,
        ad::get_user_by_email,
        ad::search_users,
        ad::list_users,
        ad::list_groups,
        ad::get_user_groups,
        ad::get_group_members,
        ad::get_disabled_accounts,
        ad::get_stale_accounts,
    ],
}
