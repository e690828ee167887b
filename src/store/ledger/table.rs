//! The rows of the ledger: the SQL, and nothing else.

use std::path::Path;

use rusqlite::{Connection, OpenFlags, Row, params};

use super::{By, Entry, Line, Report, Retention};
use crate::store::database::{Fault, PATIENCE, connect};

const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS usage (
        at INTEGER NOT NULL, request_id TEXT NOT NULL, requests INTEGER NOT NULL, failed INTEGER NOT NULL,
        door TEXT NOT NULL, outcome TEXT NOT NULL, status INTEGER NOT NULL, key TEXT, alias TEXT, provider TEXT, model TEXT,
        attempts INTEGER NOT NULL, input INTEGER NOT NULL, cached INTEGER NOT NULL, cache_write INTEGER NOT NULL,
        output INTEGER NOT NULL, reasoning INTEGER NOT NULL, cost_pico INTEGER, unpriced INTEGER NOT NULL,
        first_ms INTEGER, total_ms INTEGER NOT NULL
    );
    CREATE INDEX IF NOT EXISTS usage_at ON usage (at);
";

const INSERT: &str = "INSERT INTO usage VALUES
    (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21)";

/// An open ledger.
#[derive(Debug)]
pub(super) struct Table {
    connection: Connection,
    retention: Retention,
    rows: u64,
}

impl Table {
    /// Opens the file, or makes it, for its owner alone.
    pub(super) fn open(path: &Path, retention: Retention, now: u64) -> Result<Self, Fault> {
        let connection = connect(path)?;
        connection.execute_batch(SCHEMA)?;
        let rows = "SELECT COUNT(*) FROM usage";
        let rows = connection.query_row(rows, [], |row| count(row, 0))?;
        let mut table = Self {
            connection,
            retention,
            rows,
        };
        table.trim(now)?;
        Ok(table)
    }

    /// Writes entries, all or none.
    pub(super) fn add(&mut self, entries: &[Entry]) -> Result<(), Fault> {
        let change = self.connection.transaction()?;
        let mut insert = change.prepare(INSERT)?;
        for entry in entries {
            insert.execute(params![
                number(entry.at),
                entry.request_id,
                entry.requests,
                entry.failed,
                entry.door,
                entry.outcome,
                entry.status,
                entry.key.as_deref(),
                entry.alias,
                entry.target.as_ref().map(|target| target.provider.as_str()),
                entry.target.as_ref().map(|target| target.model.as_str()),
                entry.attempts,
                number(entry.input),
                number(entry.cached),
                number(entry.cache_write),
                number(entry.output),
                number(entry.reasoning),
                entry.cost_pico.map(number),
                entry.unpriced,
                entry.first_ms.map(number),
                number(entry.total_ms),
            ])?;
        }
        drop(insert);
        change.commit()?;
        self.rows += entries.len() as u64;
        Ok(())
    }

    /// Lets go of what is too old, and of the oldest until the rest is not too much.
    pub(super) fn trim(&mut self, now: u64) -> Result<(), Fault> {
        let oldest = now.saturating_sub(self.retention.ttl.as_secs()) * 1000;
        let old = "DELETE FROM usage WHERE at < ?1";
        let mut gone = self.connection.execute(old, [number(oldest)])? as u64;
        let over = (self.rows - gone.min(self.rows)).saturating_sub(self.retention.rows);
        if over > 0 {
            let most =
                "DELETE FROM usage WHERE rowid IN (SELECT rowid FROM usage ORDER BY at LIMIT ?1)";
            gone += self.connection.execute(most, [number(over)])? as u64;
        }
        self.rows -= gone.min(self.rows);
        Ok(())
    }

    /// What was used since that time.
    pub(super) fn report(&self, since: u64, by: By) -> Result<Report, Fault> {
        report(&self.connection, since, by)
    }

    #[cfg(test)]
    pub(super) fn connection(&self) -> &Connection {
        &self.connection
    }
}

/// What was used since that time (Unix seconds), as the file says; `None` if there is no ledger in it. For commands: a
/// gateway may be writing it.
pub fn read(path: &Path, since: u64, by: By) -> Result<Option<Report>, String> {
    if !path.is_file() {
        return Ok(None);
    }
    let read = || {
        // A reader of a file with a write-ahead log takes part in its bookkeeping, so it opens it for writing.
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(PATIENCE)?;
        let there = "SELECT COUNT(*) FROM sqlite_master WHERE name = 'usage'";
        let there: i64 = connection.query_row(there, [], |row| row.get(0))?;
        if there == 0 {
            return Ok(None);
        }
        report(&connection, since, by).map(Some)
    };
    read().map_err(|fault: Fault| format!("{}: {fault}", path.display()))
}

fn report(connection: &Connection, since: u64, by: By) -> Result<Report, Fault> {
    let (name, order) = match by {
        By::Model => (
            "COALESCE(provider || '/' || model, '')",
            "9 DESC, 2 DESC, 1",
        ),
        By::Key => ("COALESCE(key, '')", "9 DESC, 2 DESC, 1"),
        By::Route => (
            "COALESCE(alias, provider || '/' || model, '')",
            "9 DESC, 2 DESC, 1",
        ),
        By::Day => ("strftime('%Y-%m-%d', at / 1000, 'unixepoch')", "1"),
    };
    let sums = format!(
        "SELECT {name}, SUM(requests), SUM(failed), SUM(input), SUM(cached), SUM(cache_write), SUM(output), SUM(reasoning),
                COALESCE(SUM(cost_pico), 0), SUM(unpriced)
         FROM usage WHERE at >= ?1 GROUP BY 1 ORDER BY {order}"
    );
    let mut statement = connection.prepare(&sums)?;
    let lines = statement.query_map([number(since.saturating_mul(1000))], |row| {
        Ok(Line {
            name: row.get(0)?,
            requests: count(row, 1)?,
            failed: count(row, 2)?,
            input: count(row, 3)?,
            cached: count(row, 4)?,
            cache_write: count(row, 5)?,
            output: count(row, 6)?,
            reasoning: count(row, 7)?,
            cost_pico: count(row, 8)?,
            unpriced: count(row, 9)?,
        })
    })?;
    let rows = lines.collect::<Result<Vec<Line>, _>>()?;
    let total = rows.iter().fold(Line::default(), |sum, line| Line {
        name: sum.name,
        requests: sum.requests.saturating_add(line.requests),
        failed: sum.failed.saturating_add(line.failed),
        input: sum.input.saturating_add(line.input),
        cached: sum.cached.saturating_add(line.cached),
        cache_write: sum.cache_write.saturating_add(line.cache_write),
        output: sum.output.saturating_add(line.output),
        reasoning: sum.reasoning.saturating_add(line.reasoning),
        cost_pico: sum.cost_pico.saturating_add(line.cost_pico),
        unpriced: sum.unpriced.saturating_add(line.unpriced),
    });
    Ok(Report {
        by,
        since,
        rows,
        total,
    })
}

/// A sum of what was written by [`number`], so never negative.
fn count(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    Ok(u64::try_from(row.get::<_, i64>(column)?).unwrap_or(0))
}

/// SQLite's integers have a sign.
fn number(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
