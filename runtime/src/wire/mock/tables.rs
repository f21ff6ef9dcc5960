//! Reads the tables of an upstream: every `*.json` beside its routes is one, named as the file is.
//!
//! An overlay is a directory of the same shape that holds tables only. Where both have a table: a list gains the overlay's
//! rows, and a row with the `id` of an earlier one takes its place; an object gains the overlay's members, lists in it
//! grow in the same way.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value as Json;

use super::jq::{self, Value};
use super::{MockError, files};

/// All tables of one upstream, as expressions see them.
pub(super) fn load(directory: &Path, overlays: &[PathBuf]) -> Result<Value, MockError> {
    let mut tables: BTreeMap<String, Json> = BTreeMap::new();
    for directory in std::iter::once(directory).chain(overlays.iter().map(PathBuf::as_path)) {
        for (name, path) in files::tables(directory)? {
            let table = table(&path)?;
            match tables.get_mut(&name) {
                Some(below) => overlay(below, table).map_err(|reason| MockError::Table { path, reason })?,
                None => drop(tables.insert(name, table)),
            }
        }
    }
    let values = tables.into_iter().map(|(name, table)| {
        let bad = |reason| MockError::Table { path: directory.join(&name), reason };
        let value = jq::read(table.to_string().as_bytes()).map_err(bad)?;
        Ok((name, value))
    });
    Ok(jq::object(values.collect::<Result<Vec<_>, MockError>>()?))
}

fn table(path: &Path) -> Result<Json, MockError> {
    serde_json::from_str(&files::text(path)?)
        .map_err(|error| MockError::Table { path: path.to_owned(), reason: error.to_string() })
}

fn overlay(below: &mut Json, above: Json) -> Result<(), String> {
    match (below, above) {
        (Json::Array(rows), Json::Array(more)) => {
            for row in more {
                let twin = row.get("id").and_then(|id| rows.iter_mut().find(|known| known.get("id") == Some(id)));
                match twin {
                    Some(twin) => *twin = row,
                    None => rows.push(row),
                }
            }
            Ok(())
        }
        (Json::Object(members), Json::Object(more)) => {
            for (name, member) in more {
                match members.get_mut(&name) {
                    Some(known) if known.is_array() || known.is_object() => overlay(known, member)?,
                    Some(known) => *known = member,
                    None => drop(members.insert(name, member)),
                }
            }
            Ok(())
        }
        _ => Err("the overlay has a list where the table has an object, or the other way round".to_owned()),
    }
}
