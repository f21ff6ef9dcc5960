//! A search with the account it binds with.

use std::sync::Arc;

use zeroize::Zeroizing;

use super::Unusable;
use super::value::SecretValue;
use crate::names::CredentialName;
use crate::policy::DirectoryPermit;

/// Who binds. One of each credential: whoever holds the same one speaks for the same shard. No `Debug`.
pub struct Account {
    username: Zeroizing<String>,
    password: Arc<SecretValue>,
}

impl Account {
    /// A name with an empty password is no failed bind but an unauthenticated one, which succeeds (RFC 4513, 5.1.2).
    /// Blanks are refused with it: some servers trim.
    pub(super) fn new(username: Zeroizing<String>, password: Arc<SecretValue>) -> Result<Self, Unusable> {
        if username.trim().is_empty() {
            return Err(Unusable::BlankUsername);
        }
        if password.expose().trim().is_empty() {
            return Err(Unusable::BlankPassword);
        }
        Ok(Self { username, password })
    }
}

/// A search that may be asked of its server as it is. No `Debug`: it holds a secret, which only `unseal_bind` shows.
#[must_use]
pub struct SealedSearch {
    permit: DirectoryPermit,
    /// None in mock mode, where the use of the credential is all there is.
    account: Option<Arc<Account>>,
}

/// What a connection gets to write before it may search. No `Debug`.
pub struct Bind<'a> {
    pub username: &'a str,
    pub password: &'a str,
}

impl SealedSearch {
    pub(super) fn new(permit: DirectoryPermit, account: Option<Arc<Account>>) -> Self {
        Self { permit, account }
    }

    pub fn permit(&self) -> &DirectoryPermit {
        &self.permit
    }

    pub fn credential(&self) -> &CredentialName {
        &self.permit.grant().credential
    }

    /// What tells connections apart: one that was bound for one account is never lent to another.
    pub fn account(&self) -> Option<&Arc<Account>> {
        self.account.as_ref()
    }

    /// For the wire alone: shows what was sealed.
    pub(crate) fn unseal_bind(&self) -> Option<Bind<'_>> {
        let Account { username, password } = self.account.as_deref()?;
        Some(Bind { username, password: password.expose() })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};
    use std::time::Instant;

    use super::super::tests::Asked;
    use super::super::{CredentialKind, SealError, SecretRef, Text, Vault};
    use super::*;
    use crate::names::{DirectoryName, SettingName};
    use crate::outbound::{Attribute, DirectorySearch, Dn, GuestNode, GuestSearch, Host, Scope};
    use crate::policy::{Directories, DirectoryGrant, LdapServer, Pace, Tls};

    fn permit(credential: &str) -> DirectoryPermit {
        let search = DirectorySearch::parse(GuestSearch {
            server: "ad".to_owned(),
            base: "dc=nexus,dc=corp".to_owned(),
            scope: Scope::Subtree,
            filter: vec![GuestNode::Present("cn".to_owned())],
            attributes: vec!["cn".to_owned()],
            page_size: 10,
        });
        let cn = BTreeSet::from([Attribute::parse("cn").unwrap()]);
        let grant = DirectoryGrant {
            name: DirectoryName::parse("ad").unwrap(),
            server: LdapServer { host: Host::parse("dc1.nexus.corp").unwrap(), port: 636, tls: Tls::Ldaps },
            bases: vec![Dn::parse("dc=nexus,dc=corp").unwrap()],
            scopes: BTreeSet::from([Scope::Subtree]),
            attributes: cn.clone(),
            filter_attributes: cn,
            rules: BTreeSet::new(),
            credential: CredentialName::parse(credential).unwrap(),
            tools: None,
            private: false,
            entries: 10,
            pace: Pace::default(),
        };
        Directories::new(vec![grant]).permit(None, search.unwrap()).unwrap()
    }

    fn secret(name: &str) -> SecretRef {
        SecretRef::parse(&format!("secret:{name}")).unwrap()
    }

    fn credentials(username: &str) -> BTreeMap<CredentialName, CredentialKind> {
        let bind = CredentialKind::Bind { username: Text::parse(username).unwrap(), password: secret("PASSWORD") };
        let bearer = CredentialKind::Bearer { token: secret("PAT") };
        [("ad", bind), ("bearer", bearer)].map(|(name, kind)| (CredentialName::parse(name).unwrap(), kind)).into()
    }

    fn vault(username: &str, secrets: &[(&str, &str)]) -> Vault {
        let secret = |(name, value): &(&str, &str)| {
            (SettingName::parse(name).unwrap(), SecretValue::new((*value).to_owned()).unwrap())
        };
        Vault::new(credentials(username), secrets.iter().map(secret).collect())
    }

    const SECRETS: [(&str, &str); 3] =
        [("PAT", "pat-0123456789"), ("PASSWORD", "pass word"), ("ACCOUNT", "svc-nexus@nexus.corp")];

    #[test]
    fn a_search_is_sealed_with_the_account_of_its_grant() {
        for username in ["svc-nexus@nexus.corp", "secret:ACCOUNT"] {
            let vault = vault(username, &SECRETS);
            let sealed = vault.bind(permit("ad")).ok().unwrap();
            let bind = sealed.unseal_bind().unwrap();
            assert_eq!((bind.username, bind.password), ("svc-nexus@nexus.corp", "pass word"));
            // The same account each time, which connections are told apart by; another vault's is another.
            let again = vault.bind(permit("ad")).ok().unwrap();
            assert!(Arc::ptr_eq(sealed.account().unwrap(), again.account().unwrap()));
            let other = self::vault(username, &SECRETS).bind(permit("ad")).ok().unwrap();
            assert!(!Arc::ptr_eq(sealed.account().unwrap(), other.account().unwrap()));
        }
    }

    #[test]
    fn redaction_looks_for_the_password_and_not_for_the_name_of_the_account() {
        for username in ["svc-nexus@nexus.corp", "secret:ACCOUNT"] {
            let mut values: Vec<_> =
                vault(username, &SECRETS).values().iter().map(|value| value.expose().to_owned()).collect();
            values.sort();
            let unused = if username == "secret:ACCOUNT" { vec![] } else { vec!["svc-nexus@nexus.corp"] };
            assert_eq!(values, [vec!["Bearer pat-0123456789", "pass word", "pat-0123456789"], unused].concat());
        }
        // A name that another credential hides stays hidden.
        let mut credentials = credentials("secret:ACCOUNT");
        credentials
            .insert(CredentialName::parse("other").unwrap(), CredentialKind::Bearer { token: secret("ACCOUNT") });
        let secrets = SECRETS
            .map(|(name, value)| (SettingName::parse(name).unwrap(), SecretValue::new(value.to_owned()).unwrap()));
        let values = Vault::new(credentials, secrets.into()).values();
        assert!(values.iter().any(|value| value.expose() == "svc-nexus@nexus.corp"));
    }

    #[test]
    fn a_bind_that_would_succeed_without_proof_is_never_made() {
        let unusable = |username: &str, secrets: &[(&str, &str)]| match vault(username, secrets).bind(permit("ad")) {
            Err(SealError::Unusable { reason, .. }) => reason,
            Err(error) => panic!("{error}"),
            Ok(_) => panic!("bound"),
        };
        assert_eq!(unusable("svc", &[("PASSWORD", "       ")]), Unusable::BlankPassword);
        assert_eq!(unusable(" ", &SECRETS), Unusable::BlankUsername);
        assert_eq!(
            unusable("secret:ACCOUNT", &[("PASSWORD", "pass word"), ("ACCOUNT", "      ")]),
            Unusable::BlankUsername
        );
        let missing = unusable("svc", &[]);
        assert_eq!(missing, Unusable::Missing(SettingName::parse("PASSWORD").unwrap()));
    }

    #[tokio::test]
    async fn directories_and_requests_do_not_share_credentials() {
        let vault = vault("svc", &SECRETS);
        let request = Asked { credential: Some("ad"), ..Asked::default() }.permit();
        let error = vault.seal(request, Instant::now()).await.err().unwrap();
        assert_eq!(error, SealError::ForDirectories(CredentialName::parse("ad").unwrap()));
        let error = vault.bind(permit("bearer")).err().unwrap();
        assert_eq!(error, SealError::ForRequests(CredentialName::parse("bearer").unwrap()));
        let error = vault.bind(permit("nobody")).err().unwrap();
        assert_eq!(error, SealError::Unknown(CredentialName::parse("nobody").unwrap()));
    }

    #[test]
    fn in_mock_mode_there_is_no_account_to_bind_as() {
        let vault = Vault::mock(credentials("svc"));
        let sealed = vault.bind(permit("ad")).ok().unwrap();
        assert!(sealed.unseal_bind().is_none() && sealed.account().is_none());
        assert_eq!(sealed.credential().as_str(), "ad");
    }
}
