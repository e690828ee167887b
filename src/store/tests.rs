use std::path::Path;

use super::database::Database;
use super::*;
use crate::canonical::item::{Item, Role};
use crate::canonical::open::Open;
use crate::canonical::request::Request;
use crate::canonical::response::{Response, Status};

const WIDE: Bounds = Bounds {
    ttl: Duration::from_hours(1),
    max: 1 << 20,
};

fn noon() -> u64 {
    1_000_000
}

fn owner(name: &str) -> Owner {
    Owner::of(Some(&name.into()))
}

/// A response `id` that says `text`, to one question.
fn record(whose: &str, id: &str, text: &str) -> Arc<Record> {
    let mut answer = Item::message(Role::Assistant, text);
    answer.set_id(format!("msg_{id}"));
    let response = Response {
        id: id.to_owned(),
        status: Status::Completed,
        output: vec![Open::Known(answer)],
        ..Response::default()
    };
    Arc::new(Record::new(
        owner(whose),
        Arc::new(Request::ask("m", "why?")),
        0,
        response,
    ))
}

fn sqlite(path: &Path, bounds: Bounds) -> Sqlite {
    Sqlite::new(Some(path.to_owned()), bounds, noon)
}

async fn keeps_what_was_put(store: &dyn Store) {
    store.put(record("a", "resp_1", "because"));
    let found = store.get(&owner("a"), "resp_1").await.unwrap();
    assert_eq!(found.request.input, Request::ask("m", "why?").input);
    assert_eq!(found.response.output_text(), "because");
    assert!(
        store.get(&owner("b"), "resp_1").await.is_none(),
        "another key's"
    );
    assert!(store.get(&Owner::default(), "resp_1").await.is_none());

    let (held, place) = store.holder(&owner("a"), "msg_resp_1").await.unwrap();
    assert_eq!(place, Place::Output(0));
    assert_eq!(
        record::id_of(&held.item(place).unwrap()),
        Some("msg_resp_1")
    );
    let question = found.input_items().next().unwrap();
    let question = record::id_of(&question).unwrap();
    store.reveal(&found);
    let (_, place) = store.holder(&owner("a"), question).await.unwrap();
    assert_eq!(place, Place::Input(0));
    assert!(store.holder(&owner("b"), "msg_resp_1").await.is_none());

    assert!(!store.delete(&owner("b"), "resp_1").await);
    assert!(store.delete(&owner("a"), "resp_1").await);
    assert!(!store.delete(&owner("a"), "resp_1").await);
    assert!(store.holder(&owner("a"), "msg_resp_1").await.is_none());
    assert!(store.holder(&owner("a"), question).await.is_none());
}

#[tokio::test]
async fn both_stores_keep_find_and_forget_for_their_owner_alone() {
    keeps_what_was_put(&Memory::new(WIDE, noon)).await;
    let dir = tempfile::tempdir().unwrap();
    keeps_what_was_put(&sqlite(&dir.path().join("sub/r.db"), WIDE)).await;
}

async fn forgets_the_oldest(store: &dyn Store) {
    for number in 0..20 {
        store.put(record("a", &format!("resp_{number}"), &"x".repeat(1000)));
    }
    assert!(store.get(&owner("a"), "resp_19").await.is_some());
    assert!(store.get(&owner("a"), "resp_0").await.is_none());
    assert!(store.holder(&owner("a"), "msg_resp_0").await.is_none());
    store.put(record("a", "resp_huge", &"x".repeat(20_000)));
    assert!(store.get(&owner("a"), "resp_huge").await.is_none());
}

#[tokio::test]
async fn the_oldest_make_way_and_what_is_too_large_is_not_kept() {
    let narrow = Bounds {
        max: 10_000,
        ..WIDE
    };
    forgets_the_oldest(&Memory::new(narrow, noon)).await;
    let dir = tempfile::tempdir().unwrap();
    forgets_the_oldest(&sqlite(&dir.path().join("r.db"), narrow)).await;
}

#[tokio::test]
async fn a_record_expires() {
    let over = Bounds {
        ttl: Duration::ZERO,
        ..WIDE
    };
    let memory = Memory::new(over, noon);
    memory.put(record("a", "resp_1", "x"));
    assert!(memory.get(&owner("a"), "resp_1").await.is_none());
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("r.db");
    let mut database = Database::open(&path, WIDE, noon()).unwrap();
    database
        .put(&record("a", "resp_1", "x"), noon() - 3600)
        .unwrap();
    database
        .put(&record("a", "resp_2", "x"), noon() - 3599)
        .unwrap();
    let found = |id| database.get(&owner("a"), id, noon()).unwrap().is_some();
    assert!(!found("resp_1"));
    assert!(found("resp_2"));
}

#[tokio::test]
async fn a_restart_forgets_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("r.db");
    let store = sqlite(&path, WIDE);
    store.put(record("a", "resp_1", "because"));
    store.flush().await;
    drop(store);
    let found = sqlite(&path, WIDE)
        .get(&owner("a"), "resp_1")
        .await
        .unwrap();
    assert_eq!(found.response.output_text(), "because");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}

#[tokio::test]
async fn a_broken_file_costs_what_it_should_have_kept_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("r.db");
    std::fs::write(
        &path,
        "this is no database, and long enough to say so".repeat(100),
    )
    .unwrap();
    let archive = Archive {
        brief: Memory::new(WIDE, noon),
        lasting: Some(Box::new(sqlite(&path, WIDE))),
    };
    archive.put(&record("a", "resp_1", "because"), Keep::Lasting);
    archive.flush().await;
    assert!(archive.get(&owner("a"), "resp_1").await.is_some());
    assert!(archive.get(&owner("a"), "resp_2").await.is_none());
    assert!(std::fs::read(&path).unwrap().starts_with(b"this is"));
}

#[test]
fn a_full_disk_is_a_fault_and_the_database_goes_on_afterwards() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("r.db");
    let mut database = Database::open(&path, WIDE, noon()).unwrap();
    database.put(&record("a", "resp_1", "x"), noon()).unwrap();
    database.fill();
    let large = record("a", "resp_2", &"x".repeat(100_000));
    assert!(database.put(&large, noon()).is_err());
    assert!(
        database
            .get(&owner("a"), "resp_1", noon())
            .unwrap()
            .is_some()
    );
    drop(database);
    let mut database = Database::open(&path, WIDE, noon()).unwrap();
    database.put(&large, noon()).unwrap();
}

#[test]
fn a_locked_database_is_a_fault() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("r.db");
    let mut database = Database::open(&path, WIDE, noon()).unwrap();
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    assert!(database.put(&record("a", "resp_1", "x"), noon()).is_err());
    other.execute_batch("COMMIT").unwrap();
    database.put(&record("a", "resp_1", "x"), noon()).unwrap();
}

#[tokio::test]
async fn what_shall_not_be_kept_is_not() {
    let archive = Archive {
        brief: Memory::new(WIDE, noon),
        lasting: None,
    };
    archive.put(&record("a", "resp_1", "x"), Keep::Nothing);
    assert!(archive.get(&owner("a"), "resp_1").await.is_none());
    assert!(!archive.keeps());
}
