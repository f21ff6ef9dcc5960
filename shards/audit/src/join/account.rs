//! An account of either directory, in words that both share.

use nexus_shard::Utc;

use crate::model::System;
use crate::read::{AdAccount, EntraAccount};
use crate::rules::PersonKey;
use crate::text;

/// When an account was last used, as its directory recorded it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Use {
    At(Utc),
    /// None is recorded.
    Never,
    /// The directory was not asked, or did not tell.
    Unknown,
}

/// An account of Active Directory or Entra ID.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Account<'a> {
    pub(crate) system: System,
    /// The distinguished name, or the object id.
    pub(crate) id: &'a str,
    /// The account name in Active Directory; of an account of Entra ID, that of the account it comes from.
    pub(crate) login: Option<&'a str>,
    pub(crate) sid: Option<&'a str>,
    pub(crate) upn: Option<&'a str>,
    pub(crate) email: Option<&'a str>,
    pub(crate) employee_id: Option<&'a str>,
    pub(crate) display_name: Option<&'a str>,
    pub(crate) first_name: Option<&'a str>,
    pub(crate) last_name: Option<&'a str>,
    pub(crate) title: Option<&'a str>,
    pub(crate) department: Option<&'a str>,
    pub(crate) manager_dn: Option<&'a str>,
    pub(crate) is_enabled: Option<bool>,
    pub(crate) last_use: Use,
    pub(crate) created_at: Option<Utc>,
    pub(crate) expires_at: Option<Utc>,
    pub(crate) licences: usize,
    pub(crate) is_guest: bool,
    pub(crate) is_synced: bool,
}

impl<'a> From<&'a AdAccount> for Account<'a> {
    fn from(row: &'a AdAccount) -> Self {
        Self {
            system: System::ActiveDirectory,
            id: &row.dn,
            login: text::told(Some(&row.username)),
            sid: text::told(row.object_sid.as_deref()),
            upn: text::told(row.user_principal_name.as_deref()),
            email: text::told(row.email.as_deref()),
            employee_id: text::told(row.employee_id.as_deref()),
            display_name: text::told(row.display_name.as_deref()),
            first_name: text::told(row.first_name.as_deref()),
            last_name: text::told(row.last_name.as_deref()),
            title: text::told(row.job_title.as_deref()),
            department: text::told(row.department.as_deref()),
            manager_dn: text::told(row.manager_dn.as_deref()),
            is_enabled: row.is_enabled,
            last_use: row.last_logon_at.map_or(Use::Never, Use::At),
            created_at: row.created_at,
            expires_at: row.account_expires_at,
            licences: 0,
            is_guest: false,
            is_synced: false,
        }
    }
}

impl<'a> From<&'a EntraAccount> for Account<'a> {
    fn from(row: &'a EntraAccount) -> Self {
        Self {
            system: System::Entra,
            id: &row.id,
            login: text::told(row.ad_account_name.as_deref()),
            sid: text::told(row.ad_object_sid.as_deref()),
            upn: text::told(Some(&row.user_principal_name)),
            email: text::told(row.email.as_deref()),
            employee_id: text::told(row.employee_id.as_deref()),
            display_name: text::told(row.display_name.as_deref()),
            first_name: None,
            last_name: None,
            title: text::told(row.job_title.as_deref()),
            department: text::told(row.department.as_deref()),
            manager_dn: None,
            is_enabled: row.is_enabled,
            last_use: match row.last_sign_in_at {
                Some(Some(at)) => Use::At(at),
                Some(None) => Use::Never,
                None => Use::Unknown,
            },
            created_at: row.created_at,
            expires_at: None,
            licences: row.license_sku_ids.len(),
            is_guest: row.user_type.as_deref().is_some_and(|kind| kind.eq_ignore_ascii_case("guest")),
            is_synced: row.is_synced_from_ad == Some(true),
        }
    }
}

impl<'a> Account<'a> {
    /// What somebody signs in with: the name in the form of an address, else the account name, else an id.
    pub(crate) fn sign_in_name(&self) -> &'a str {
        let login = if self.system == System::ActiveDirectory { self.login } else { None };
        self.upn.or(login).or(self.email).unwrap_or(self.id)
    }

    /// For people.
    pub(crate) fn name(&self) -> &'a str {
        self.display_name.unwrap_or_else(|| self.sign_in_name())
    }

    /// The value of a key, as the directory has it.
    pub(crate) fn key(&self, key: PersonKey) -> Option<&'a str> {
        match key {
            PersonKey::EmployeeId => self.employee_id,
            PersonKey::Email => self.email,
            PersonKey::UserPrincipalName => self.upn,
        }
    }

    /// Whether the directory says that the account is enabled.
    pub(crate) fn is_open(&self) -> bool {
        self.is_enabled == Some(true)
    }
}
