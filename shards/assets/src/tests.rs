//! What the tools promise, with stand-ins for the upstreams.

mod intune;
mod lansweeper;
