//! E0451: a sealed request that no vault sealed.

use nexus::secrets::Sealed;

pub fn forged(given: Sealed) -> Sealed {
    Sealed { ..given }
}
