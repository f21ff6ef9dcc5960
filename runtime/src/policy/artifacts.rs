//! Which reports a shard may have the host keep.

use std::collections::BTreeSet;

use crate::names::ArtifactName;

/// `[artifacts]` of a manifest. By default: none.
#[derive(Debug, Clone, Default)]
pub struct Artifacts {
    grant: Option<ArtifactGrant>,
}

/// What `[artifacts]` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArtifactGrant {
    /// Such as `text/html`; in lower case, without parameters.
    pub media_types: BTreeSet<String>,
    /// Of one artifact.
    pub bytes: usize,
    /// Artifacts of one call.
    pub count: u32,
}

/// Proof that the manifest lets this artifact be kept.
#[must_use]
#[derive(Debug)]
pub struct ArtifactPermit {
    name: ArtifactName,
    media_type: String,
    data: Vec<u8>,
}

/// An artifact that the manifest does not cover.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotKept {
    #[error("the manifest has no [artifacts]")]
    None { suggestion: Option<String> },
    #[error("the manifest does not name this media type under [artifacts]")]
    MediaType { suggestion: Option<String> },
    #[error("artifact of {found} bytes: the manifest allows {most}")]
    TooLarge { found: usize, most: usize },
}

impl Artifacts {
    pub fn new(grant: Option<ArtifactGrant>) -> Self {
        Self { grant }
    }

    pub fn grant(&self) -> Option<&ArtifactGrant> {
        self.grant.as_ref()
    }

    pub fn permit(&self, name: ArtifactName, media_type: &str, data: Vec<u8>) -> Result<ArtifactPermit, NotKept> {
        let grant = self.permit_reading(media_type)?;
        if data.len() > grant.bytes {
            return Err(NotKept::TooLarge { found: data.len(), most: grant.bytes });
        }
        Ok(ArtifactPermit { name, media_type: media_type.to_owned(), data })
    }

    /// A shard reads of its own artifacts what it may write.
    pub fn permit_reading(&self, media_type: &str) -> Result<&ArtifactGrant, NotKept> {
        let type_name = is_media_type(media_type).then_some(media_type);
        let Some(grant) = &self.grant else {
            let suggestion = type_name.map(|name| format!("[artifacts]\nmedia-types = [\"{name}\"]"));
            return Err(NotKept::None { suggestion });
        };
        if !grant.media_types.contains(media_type) {
            let suggestion = type_name.map(|name| format!("\"{name}\" # in media-types of [artifacts]"));
            return Err(NotKept::MediaType { suggestion });
        }
        Ok(grant)
    }
}

impl ArtifactPermit {
    pub fn name(&self) -> &ArtifactName {
        &self.name
    }

    pub fn media_type(&self) -> &str {
        &self.media_type
    }

    pub fn data(&self) -> &[u8] {
        &self.data
    }
}

impl NotKept {
    /// What the manifest would have to say.
    pub fn suggestion(&self) -> Option<&str> {
        match self {
            Self::None { suggestion } | Self::MediaType { suggestion } => suggestion.as_deref(),
            Self::TooLarge { .. } => None,
        }
    }
}

/// `type/subtype` (RFC 6838, 4.2) in lower case, without parameters.
pub fn is_media_type(text: &str) -> bool {
    let plain = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
            && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"!#$&-^_.+".contains(&b))
    };
    text.len() <= 100 && text.split_once('/').is_some_and(|(kind, name)| plain(kind) && plain(name))
}
