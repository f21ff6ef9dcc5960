//! Security identifiers (MS-DTYP 2.4.2).

use std::fmt;

/// Who somebody or what a group is in Windows: `S-1-5-21-…-1101`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Sid {
    /// 48 bits.
    authority: u64,
    /// 1 to 15.
    parts: Vec<u32>,
}

impl Sid {
    /// The most parts behind the authority.
    const MOST: usize = 15;

    /// Reads the binary form. `None` if it is anything else.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let [1, count, authority @ ..] = bytes else { return None };
        let (authority, parts) = authority.split_at_checked(6)?;
        let count = usize::from(*count);
        if count == 0 || count > Self::MOST || parts.len() != count * 4 {
            return None;
        }
        let authority = authority.iter().fold(0, |number, &byte| number << 8 | u64::from(byte));
        let part = |bytes: &[u8]| bytes.try_into().ok().map(u32::from_le_bytes);
        Some(Self { authority, parts: parts.chunks(4).map(part).collect::<Option<_>>()? })
    }

    /// The binary form, which is also what a filter compares with.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![1, self.parts.len() as u8];
        bytes.extend(self.authority.to_be_bytes().iter().skip(2));
        bytes.extend(self.parts.iter().flat_map(|part| part.to_le_bytes()));
        bytes
    }

    /// The last part, if this is an account or a group of a domain (`S-1-5-21-`, three numbers of the domain, one of
    /// its own). Such a number is what `primaryGroupID` holds.
    pub fn rid(&self) -> Option<u32> {
        match (self.authority, self.parts.as_slice()) {
            (5, [21, _, _, _, rid]) => Some(*rid),
            _ => None,
        }
    }

    /// The account or group of the same domain with this number, if this is one of a domain itself.
    pub fn sibling(&self, rid: u32) -> Option<Self> {
        self.rid()?;
        let domain = self.parts.iter().copied().take(4);
        Some(Self { authority: self.authority, parts: domain.chain([rid]).collect() })
    }
}

/// `S-1-5-21-…`; the authority in hexadecimal if it has more than 32 bits.
impl fmt::Display for Sid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match u32::try_from(self.authority) {
            Ok(authority) => write!(f, "S-1-{authority}")?,
            Err(_) => write!(f, "S-1-0x{:012X}", self.authority)?,
        }
        self.parts.iter().try_for_each(|part| write!(f, "-{part}"))
    }
}
