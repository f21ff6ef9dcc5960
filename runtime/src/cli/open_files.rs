//! How many files and sockets the process may have open, and how many of them clients may use up.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Descriptors that no client gets: for the ledger, for looking at the lock and the quarantine, for upstreams, for shards.
const RESERVE: usize = 256;

/// Raises the limit as far as the system lets us, and says how many connections of clients fit under it.
pub(super) fn for_clients() -> usize {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
        tracing::warn!(%error, ?current, ?maximum, "the limit of open files cannot be raised");
    }
    let now = getrlimit(Resource::Nofile).current;
    let connections = fitting(now);
    tracing::info!(before = ?current, now = ?now, connections, "limit of open files");
    connections
}

/// All but the reserve, or half where there is little.
fn fitting(limit: Option<u64>) -> usize {
    let Some(limit) = limit.and_then(|limit| usize::try_from(limit).ok()) else { return usize::MAX };
    limit.saturating_sub(RESERVE).max(limit / 2).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn something_is_left_for_the_host_however_few_there_are() {
        for (limit, connections) in [(20_000, 19_744), (1024, 768), (512, 256), (256, 128), (64, 32), (1, 1)] {
            assert_eq!(fitting(Some(limit)), connections);
        }
        assert_eq!(fitting(None), usize::MAX);
    }
}
