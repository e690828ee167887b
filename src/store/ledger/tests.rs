use std::path::Path;

use rusqlite::Connection;

use super::table::Table;
use super::writer::Writer;
use super::*;

const WIDE: Retention = Retention {
    ttl: Duration::from_hours(24),
    rows: 1000,
};

/// 2026-11-22 12:00 UTC.
const NOON: u64 = 1_795_348_800;

fn noon() -> u64 {
    NOON
}

fn entry(at: u64, provider: &str, key: Option<&str>, cost: Option<u64>) -> Entry {
    Entry {
        at: at * 1000,
        requests: 1,
        door: "responses",
        outcome: "completed",
        status: 200,
        key: key.map(Into::into),
        target: Some(Target::new(provider, "m")),
        input: 10,
        cached: 4,
        output: 5,
        cost_pico: cost,
        unpriced: u8::from(cost.is_none()),
        ..Entry::default()
    }
}

fn names(report: &Report) -> Vec<(&str, u64, u64)> {
    let rows = report.rows.iter();
    rows.map(|row| (row.name.as_str(), row.requests, row.cost_pico))
        .collect()
}

async fn report(ledger: &Ledger, by: By) -> Report {
    ledger.report(0, by).await.expect("it can be read")
}

#[tokio::test]
async fn sums_are_by_model_key_route_and_day() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("deep/store.sqlite");
    let ledger = Ledger::at(path.clone(), WIDE, noon);
    let mut routed = entry(NOON - 10, "a", Some("ci"), Some(7));
    routed.alias = Some("smart".to_owned());
    // What another model used on the way is money of that model, and no request of its own.
    let on_the_way = Entry {
        requests: 0,
        ..entry(NOON - 10, "b", Some("ci"), Some(2))
    };
    ledger.add(vec![routed, on_the_way]);
    ledger.add(vec![entry(NOON - 86_400 / 2 - 1, "b", None, None)]);

    let by_model = report(&ledger, By::Model).await;
    assert_eq!(names(&by_model), [("a/m", 1, 7), ("b/m", 1, 2)]);
    assert_eq!((by_model.total.requests, by_model.total.cost_pico), (2, 9));
    assert_eq!((by_model.total.input, by_model.total.unpriced), (30, 1));
    assert_eq!(
        names(&report(&ledger, By::Key).await),
        [("ci", 1, 9), ("", 1, 0)]
    );
    assert_eq!(
        names(&report(&ledger, By::Route).await),
        [("smart", 1, 7), ("b/m", 1, 2)]
    );
    assert_eq!(
        names(&report(&ledger, By::Day).await),
        [("2026-11-21", 1, 0), ("2026-11-22", 1, 9)]
    );
    let lately = ledger.report(NOON - 60, By::Key).await.unwrap();
    assert_eq!(names(&lately), [("ci", 1, 9)]);
    assert_eq!(read(&path, 0, By::Model).unwrap(), Some(by_model));
}

#[test]
fn where_there_is_no_ledger_there_is_no_report() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store.sqlite");
    assert_eq!(read(&path, 0, By::Model), Ok(None));
    assert!(!path.exists(), "looking makes no file");
    Connection::open(&path)
        .unwrap()
        .execute_batch("CREATE TABLE t (a)")
        .unwrap();
    assert_eq!(read(&path, 0, By::Model), Ok(None));
    std::fs::write(&path, "no database").unwrap();
    assert!(read(&path, 0, By::Model).is_err());
}

#[test]
fn what_is_too_old_or_too_much_is_forgotten() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store.sqlite");
    let few = Retention { rows: 3, ..WIDE };
    let mut table = Table::open(&path, few, NOON).unwrap();
    let kept = |table: &Table| {
        names(&table.report(0, By::Model).unwrap())
            .iter()
            .map(|row| row.1)
            .sum::<u64>()
    };
    table
        .add(&[entry(NOON - 90_000, "old", None, None)])
        .unwrap();
    table.trim(NOON).unwrap();
    assert_eq!(kept(&table), 0);
    let five: Vec<Entry> = (0..5)
        .map(|at| entry(NOON + at, "a", None, Some(1 << at)))
        .collect();
    table.add(&five).unwrap();
    table.trim(NOON).unwrap();
    // The newest three: 4 + 8 + 16.
    assert_eq!(
        names(&table.report(0, By::Model).unwrap()),
        [("a/m", 3, 28)]
    );
    drop(table);
    let table = Table::open(&path, few, NOON).unwrap();
    assert_eq!(kept(&table), 3);
}

fn writer(path: &Path) -> Writer {
    Writer::new(path.to_owned(), WIDE, noon, Arc::default())
}

fn add(writer: &mut Writer, entries: Vec<Entry>) {
    writer.inbox().put(entries);
    writer.obey(Order::Wake);
}

fn tell(writer: &mut Writer, order: impl FnOnce(oneshot::Sender<Option<()>>) -> Order) {
    let (answer, _reply) = oneshot::channel();
    writer.obey(order(answer));
}

fn rows(path: &Path) -> u64 {
    read(path, 0, By::Model)
        .unwrap()
        .map_or(0, |report| report.total.requests)
}

#[test]
fn a_full_disk_keeps_entries_waiting_and_what_was_written() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store.sqlite");
    let mut writer = writer(&path);
    add(&mut writer, vec![entry(NOON, "a", None, None)]);
    tell(&mut writer, Order::Flush);
    assert_eq!(rows(&path), 1);
    let connection = writer.table().unwrap().connection();
    let pages: i64 = connection
        .query_row("PRAGMA page_count", [], |row| row.get(0))
        .unwrap();
    let full = format!("PRAGMA max_page_count = {pages}");
    connection
        .query_row(&full, [], |row| row.get::<_, i64>(0))
        .unwrap();
    let many = vec![entry(NOON, &"a".repeat(100), None, None); 500];
    add(&mut writer, many);
    tell(&mut writer, Order::Flush);
    assert_eq!(rows(&path), 1, "all or none");
    // The connection is another after a fault, and knows no limit: as if there were room again.
    tell(&mut writer, Order::Flush);
    assert_eq!(rows(&path), 501);
}

#[test]
fn a_locked_database_keeps_entries_waiting() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store.sqlite");
    let mut writer = writer(&path);
    add(&mut writer, vec![entry(NOON, "a", None, None)]);
    tell(&mut writer, Order::Flush);
    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    add(&mut writer, vec![entry(NOON, "a", None, None)]);
    tell(&mut writer, Order::Flush);
    other.execute_batch("COMMIT").unwrap();
    assert_eq!(rows(&path), 1);
    tell(&mut writer, Order::Flush);
    assert_eq!(rows(&path), 2);
}

#[cfg(unix)]
#[test]
fn nobody_else_may_read_the_ledger() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("llmgw/store.sqlite");
    drop(Table::open(&path, WIDE, NOON).unwrap());
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
}

#[test]
fn the_thread_is_woken_for_the_first_entry_and_for_a_batch_and_not_between() {
    let inbox = Inbox::default();
    let put = |count: usize| inbox.put(vec![entry(NOON, "a", None, None); count]);
    assert_eq!(put(1), News::Wake);
    assert_eq!(put(998), News::Nothing);
    assert_eq!(put(1), News::Wake, "a thousand are a batch");
    assert_eq!(put(1), News::Nothing);
    assert_eq!(put(7193), News::Nothing, "what does not fit is dropped");
    assert_eq!((inbox.len(), inbox.dropped()), (8192, 2));
    assert_eq!(inbox.empty().len(), 8192);
    assert_eq!(put(1), News::Wake);
}
