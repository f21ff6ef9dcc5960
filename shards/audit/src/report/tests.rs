//! What reports promise, with a stand-in for the host and small systems.

mod comparison;
mod formats;
mod numbers;
mod saved;
mod world;
