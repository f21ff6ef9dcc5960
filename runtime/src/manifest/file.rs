//! The files of a shard's folder: its manifest, the documents that the manifest lists, and its component.
//!
//! Nobody has approved a shard when its files are read, so whoever put the folder there may have put anything into it.
//! What is read is a regular file inside the folder, of a bounded size. A link may lead to another place of the same
//! folder, as Kubernetes mounts files, and to no place outside of it. Nothing waits for a pipe: files are opened without
//! blocking, and the opened file is judged, not its name.

#![expect(clippy::disallowed_methods, reason = "files of shards are read here")]

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Component, Path};

use rustix::fs::{Mode, OFlags, openat};

/// Why a file of a shard's folder is not read.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    #[error("it leads out of the shard's folder")]
    Outside,
    #[error("it is {0}: expected a regular file")]
    Irregular(&'static str),
    #[error("it is larger than {} KiB", .0 >> 10)]
    TooLarge(u64),
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Reads `name` below `folder`, at most `most` bytes of it.
pub(crate) fn read(folder: &Path, name: &Path, most: u64) -> Result<Vec<u8>, FileError> {
    let folder = fs::canonicalize(if folder.as_os_str().is_empty() { Path::new(".") } else { folder })?;
    let file = fs::canonicalize(folder.join(name))?;
    let below = file.strip_prefix(&folder).map_err(|_| FileError::Outside)?;
    // From folder to folder without following a link: none that is put there now can lead outside.
    let mut at = File::open(&folder)?;
    for part in below.components() {
        let Component::Normal(part) = part else { return Err(FileError::Outside) };
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NOCTTY;
        at = openat(&at, part, flags, Mode::empty()).map_err(io::Error::from)?.into();
    }
    let found = at.metadata()?;
    if !found.is_file() {
        return Err(FileError::Irregular(kind(found.file_type())));
    }
    if found.len() > most {
        return Err(FileError::TooLarge(most));
    }
    let mut bytes = Vec::new();
    // One more, so that a file that grows while it is read is too large and not cut.
    at.take(most + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most { Err(FileError::TooLarge(most)) } else { Ok(bytes) }
}

fn kind(kind: fs::FileType) -> &'static str {
    use std::os::unix::fs::FileTypeExt as _;
    match kind {
        kind if kind.is_dir() => "a folder",
        kind if kind.is_fifo() => "a pipe",
        kind if kind.is_socket() => "a socket",
        _ => "a device",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;

    fn said(folder: &Path, name: &str) -> String {
        match read(folder, Path::new(name), 8) {
            Ok(bytes) => String::from_utf8(bytes).unwrap(),
            Err(error) => format!("{error:?}"),
        }
    }

    #[test]
    fn a_regular_file_inside_the_folder_is_read_and_nothing_else() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("shard");
        fs::create_dir_all(folder.join("below")).unwrap();
        fs::create_dir_all(place.path().join("shard-beside")).unwrap();
        fs::write(place.path().join("outside"), "outside").unwrap();
        fs::write(place.path().join("shard-beside/file"), "beside").unwrap();
        fs::write(folder.join("file"), "inside").unwrap();
        fs::write(folder.join("below/file"), "below").unwrap();
        fs::write(folder.join("eight"), "12345678").unwrap();
        fs::write(folder.join("nine"), "123456789").unwrap();
        symlink("file", folder.join("link")).unwrap();
        symlink(folder.join("below"), folder.join("whole")).unwrap();
        symlink("../outside", folder.join("up")).unwrap();
        symlink(place.path().join("outside"), folder.join("away")).unwrap();
        symlink(place.path().join("shard-beside"), folder.join("beside")).unwrap();
        symlink("loop", folder.join("loop")).unwrap();
        symlink("/dev/zero", folder.join("zero")).unwrap();
        let pipe = folder.join("pipe");
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
        let _socket = UnixListener::bind(folder.join("socket")).unwrap();

        for (name, expected) in [
            ("file", "inside"),
            ("below/file", "below"),
            ("link", "inside"),
            ("whole/file", "below"),
            ("eight", "12345678"),
            ("nine", "TooLarge(8)"),
            ("up", "Outside"),
            ("away", "Outside"),
            ("beside/file", "Outside"),
            ("../outside", "Outside"),
            ("zero", "Outside"),
            ("below", "Irregular(\"a folder\")"),
            ("pipe", "Irregular(\"a pipe\")"),
        ] {
            assert_eq!(said(&folder, name), expected, "{name}");
        }
        for name in ["absent", "loop", "socket", "file/file"] {
            assert!(said(&folder, name).starts_with("Io("), "{name}: {}", said(&folder, name));
        }
    }

    #[test]
    fn the_folder_itself_may_be_reached_over_a_link() {
        let place = tempfile::tempdir().unwrap();
        fs::create_dir(place.path().join("shard")).unwrap();
        fs::write(place.path().join("shard/file"), "inside").unwrap();
        symlink("shard", place.path().join("other")).unwrap();
        assert_eq!(said(&place.path().join("other"), "file"), "inside");
    }

    #[test]
    fn a_device_is_no_file() {
        assert_eq!(said(Path::new("/dev"), "null"), "Irregular(\"a device\")");
    }
}
