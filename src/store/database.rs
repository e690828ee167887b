//! Records in a database file: the SQL, and nothing else. One connection, used by one thread.

use std::fs::OpenOptions;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::Bounds;
use super::place::private_file;
use super::record::{Owner, Place, Record};
use crate::canonical::request::{Profile, Request};

/// Why something could not be done: for the log alone.
pub(super) type Fault = Box<dyn std::error::Error + Send + Sync>;

/// Another process may hold the lock this long.
pub(super) const PATIENCE: Duration = Duration::from_secs(2);

/// Held while a file is made and opened.
static OPENING: Mutex<()> = Mutex::new(());

const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS responses (
        owner TEXT NOT NULL, id TEXT NOT NULL, expires INTEGER NOT NULL, bytes INTEGER NOT NULL,
        profile TEXT NOT NULL, inherited INTEGER NOT NULL, input BLOB NOT NULL, response BLOB NOT NULL,
        UNIQUE (owner, id)
    );
    CREATE INDEX IF NOT EXISTS responses_expires ON responses (expires);
    CREATE TABLE IF NOT EXISTS items (
        owner TEXT NOT NULL, item TEXT NOT NULL, response TEXT NOT NULL, side TEXT NOT NULL, at INTEGER NOT NULL,
        PRIMARY KEY (owner, item)
    ) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS items_response ON items (owner, response);
";

/// Opens the file, or makes it, for its owner alone. The records and the ledger are in it, each with a connection of
/// its own.
pub(super) fn connect(path: &Path) -> Result<Connection, Fault> {
    let connection = {
        // Closing any descriptor of a file lets go of all locks that the process has on it. So a file that may be open
        // is never opened past SQLite, and nobody opens one that is being made.
        let _alone = OPENING.lock().unwrap_or_else(PoisonError::into_inner);
        if !path.is_file() {
            drop(private_file(
                path,
                OpenOptions::new().append(true).create(true),
            )?);
        }
        Connection::open(path)?
    };
    connection.busy_timeout(PATIENCE)?;
    // Room is given back, a reader never waits for a writer, and a commit does not wait for the disk.
    connection.execute_batch(
        "PRAGMA auto_vacuum = FULL; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;",
    )?;
    let version: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    match version {
        0 => connection.execute_batch("PRAGMA user_version = 1;")?,
        1 => {}
        newer => return Err(format!("the database is of a newer version ({newer})").into()),
    }
    Ok(connection)
}

/// The database of records.
#[derive(Debug)]
pub(super) struct Database {
    connection: Connection,
    bounds: Bounds,
    bytes: i64,
}

impl Database {
    /// Opens the file, or makes it, for its owner alone.
    pub(super) fn open(path: &Path, bounds: Bounds, now: u64) -> Result<Self, Fault> {
        let connection = connect(path)?;
        connection.execute_batch(SCHEMA)?;
        let mut database = Self {
            connection,
            bounds,
            bytes: 0,
        };
        database.bytes = database.weigh()?;
        database.trim(now)?;
        Ok(database)
    }

    /// Keeps a record, in place of another of the same id.
    pub(super) fn put(&mut self, record: &Record, now: u64) -> Result<(), Fault> {
        let input = serde_json::to_vec(&record.request.input)?;
        let response = serde_json::to_vec(&record.response)?;
        let bytes = input.len() + response.len();
        if bytes as u64 > self.bounds.max {
            return Err(format!("a response of {bytes} bytes is larger than `store.max`").into());
        }
        let (owner, id) = (record.owner.as_str(), record.id());
        let bytes = i64::try_from(bytes)?;
        let change = self.connection.transaction()?;
        let old = forget(&change, owner, id)?;
        change.execute(
            "INSERT INTO responses VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            params![
                owner,
                id,
                i64::try_from(now.saturating_add(self.bounds.ttl.as_secs()))?,
                bytes,
                profile_name(record.request.profile),
                i64::try_from(record.inherited)?,
                input,
                response
            ],
        )?;
        for (item, place) in record.own_items() {
            let (side, at) = match place {
                Place::Input(at) => ("input", at),
                Place::Output(at) => ("output", at),
            };
            change.execute(
                "INSERT OR REPLACE INTO items VALUES (?1, ?2, ?3, ?4, ?5)",
                params![owner, item, id, side, i64::try_from(at)?],
            )?;
        }
        change.commit()?;
        self.bytes += bytes - old.unwrap_or_default();
        self.trim(now)
    }

    /// The record of this id, unless it has expired.
    pub(super) fn get(
        &self,
        owner: &Owner,
        id: &str,
        now: u64,
    ) -> Result<Option<Arc<Record>>, Fault> {
        let row = self
            .connection
            .query_row(
                "SELECT profile, inherited, input, response, bytes FROM responses WHERE owner = ?1 AND id = ?2 AND expires > ?3",
                params![owner.as_str(), id, i64::try_from(now)?],
                columns,
            )
            .optional()?;
        row.map(|row| record(owner, row)).transpose()
    }

    /// The record that holds the item of this id, and where it stands in it.
    pub(super) fn holder(
        &self,
        owner: &Owner,
        item: &str,
        now: u64,
    ) -> Result<Option<(Arc<Record>, Place)>, Fault> {
        let found: Option<(String, String, i64)> = self
            .connection
            .query_row(
                "SELECT response, side, at FROM items WHERE owner = ?1 AND item = ?2",
                params![owner.as_str(), item],
                |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
            )
            .optional()?;
        let Some((id, side, at)) = found else {
            return Ok(None);
        };
        let at = usize::try_from(at)?;
        let place = if side == "input" {
            Place::Input(at)
        } else {
            Place::Output(at)
        };
        Ok(self.get(owner, &id, now)?.map(|record| (record, place)))
    }

    /// Forgets a record. False if there was none.
    pub(super) fn delete(&mut self, owner: &Owner, id: &str) -> Result<bool, Fault> {
        let change = self.connection.transaction()?;
        let gone = forget(&change, owner.as_str(), id)?;
        change.commit()?;
        self.bytes -= gone.unwrap_or_default();
        Ok(gone.is_some())
    }

    /// Lets go of what has expired, and of the oldest until the rest fits.
    fn trim(&mut self, now: u64) -> Result<(), Fault> {
        let now = i64::try_from(now)?;
        let max = i64::try_from(self.bounds.max).unwrap_or(i64::MAX);
        loop {
            let oldest: Option<(String, String, i64)> = self
                .connection
                .query_row(
                    "SELECT owner, id, expires FROM responses ORDER BY expires, rowid LIMIT 1",
                    [],
                    |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
                )
                .optional()?;
            let Some((owner, id, expires)) = oldest else {
                return Ok(());
            };
            if expires > now && self.bytes <= max {
                return Ok(());
            }
            let change = self.connection.transaction()?;
            let gone = forget(&change, &owner, &id)?;
            change.commit()?;
            self.bytes -= gone.unwrap_or_default();
        }
    }

    fn weigh(&self) -> Result<i64, Fault> {
        let sum = "SELECT COALESCE(SUM(bytes), 0) FROM responses";
        Ok(self.connection.query_row(sum, [], |row| row.get(0))?)
    }

    /// Lets the file grow no further, as a full disk does.
    #[cfg(test)]
    pub(super) fn fill(&self) {
        let pages: i64 = self
            .connection
            .query_row("PRAGMA page_count", [], |row| row.get(0))
            .unwrap();
        self.connection
            .query_row(&format!("PRAGMA max_page_count = {pages}"), [], |row| {
                row.get::<_, i64>(0)
            })
            .unwrap();
    }
}

type Columns = (String, i64, Vec<u8>, Vec<u8>, i64);

fn columns(row: &Row<'_>) -> rusqlite::Result<Columns> {
    Ok((
        row.get(0)?,
        row.get(1)?,
        row.get(2)?,
        row.get(3)?,
        row.get(4)?,
    ))
}

fn record(
    owner: &Owner,
    (profile, inherited, input, response, bytes): Columns,
) -> Result<Arc<Record>, Fault> {
    Ok(Arc::new(Record {
        owner: owner.clone(),
        request: Arc::new(Request {
            input: serde_json::from_slice(&input)?,
            profile: profile
                .parse()
                .map_err(|()| "a profile of another version")?,
            ..Request::default()
        }),
        inherited: usize::try_from(inherited)?,
        response: serde_json::from_slice(&response)?,
        bytes: u64::try_from(bytes)?,
    }))
}

/// Removes a record and its items; how many bytes it had.
fn forget(connection: &Connection, owner: &str, id: &str) -> rusqlite::Result<Option<i64>> {
    connection.execute(
        "DELETE FROM items WHERE owner = ?1 AND response = ?2",
        params![owner, id],
    )?;
    connection
        .query_row(
            "DELETE FROM responses WHERE owner = ?1 AND id = ?2 RETURNING bytes",
            params![owner, id],
            |row| row.get(0),
        )
        .optional()
}

fn profile_name(profile: Profile) -> &'static str {
    match profile {
        Profile::Strict => "strict",
        Profile::Native => "native",
    }
}
