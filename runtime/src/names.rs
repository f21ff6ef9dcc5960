//! The names that travel between rooms. Each becomes a type once, where it enters, and is not looked at again.

use std::fmt;

/// A name that does not fit its pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind} {found:?} does not fit: expected {expected}")]
pub struct BadName {
    kind: &'static str,
    found: String,
    expected: &'static str,
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $expected:literal, $max:literal, $first:expr, $rest:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            pub fn parse(text: &str) -> Result<Self, BadName> {
                let fits = text.len() <= $max
                    && text.bytes().next().is_some_and($first)
                    && text.bytes().all($rest);
                if fits {
                    Ok(Self(text.to_owned()))
                } else {
                    let found = text.chars().take(80).collect();
                    Err(BadName { kind: $kind, found, expected: $expected })
                }
            }

            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl std::str::FromStr for $name {
            type Err = BadName;

            fn from_str(text: &str) -> Result<Self, BadName> {
                Self::parse(text)
            }
        }

        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                let pattern = $expected.split(',').next().unwrap_or_default();
                schemars::json_schema!({ "type": "string", "pattern": format!("^{pattern}$"), "maxLength": $max })
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let text = <String as serde::Deserialize>::deserialize(from)?;
                Self::parse(&text).map_err(serde::de::Error::custom)
            }
        }
    };
}

name!(
    /// A shard, as its manifest calls it.
    ShardName, "shard name", "[a-z][a-z0-9-]*, at most 64 characters", 64,
    |b: u8| b.is_ascii_lowercase(),
    |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'
);
name!(
    /// A tool, as clients call it.
    ToolName, "tool name", "[a-z][a-z0-9_]*, at most 64 characters", 64,
    |b: u8| b.is_ascii_lowercase(),
    |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_'
);
name!(
    /// How requests are authenticated, as the manifest's `[credential.NAME]` calls it.
    CredentialName, "credential name", "[a-z][a-z0-9_-]*, at most 64 characters", 64,
    |b: u8| b.is_ascii_lowercase(),
    |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_'
);
name!(
    /// A directory, as the manifest's `[[directory]]` calls it.
    DirectoryName, "directory name", "[a-z][a-z0-9_-]*, at most 64 characters", 64,
    |b: u8| b.is_ascii_lowercase(),
    |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_'
);
name!(
    /// A report that a shard has the host keep.
    ArtifactName, "artifact name", "[a-z0-9][a-z0-9._-]*, at most 100 characters", 100,
    |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit(),
    |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'_' | b'-')
);
name!(
    /// A secret or a setting, as the operator's environment calls it.
    SettingName, "setting name", "[A-Z][A-Z0-9_]*, at most 64 characters", 64,
    |b: u8| b.is_ascii_uppercase(),
    |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_'
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_only_what_its_pattern_says() {
        for (text, fits) in [
            ("identity", true),
            ("a-1", true),
            ("", false),
            ("1a", false),
            ("-a", false),
            ("A", false),
            ("a_b", false),
            ("a b", false),
            ("a\n", false),
            ("\u{430}", false),
        ] {
            assert_eq!(ShardName::parse(text).is_ok(), fits, "{text:?}");
        }
        assert!(ShardName::parse(&"a".repeat(65)).is_err());
        assert!(SettingName::parse("ENTRA_CLIENT_ID").is_ok());
        for (text, fits) in
            [("ad", true), ("ad-1_x", true), ("AD", false), ("dc1.nexus.corp", false), ("ad:636", false)]
        {
            assert_eq!(DirectoryName::parse(text).is_ok(), fits, "{text:?}");
        }
    }
}
