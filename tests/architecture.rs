//! The layers and the "onlys" of ARCHITECTURE.md, held against the sources.
//!
//! An import may only point to a lower layer, and neighbours never see each other; a few names belong to one place.

#![expect(
    clippy::unwrap_used,
    reason = "a source that cannot be read fails the test"
)]

use std::fs;
use std::path::{Path, PathBuf};

/// A source file: its path below `src`, and its code without comments and inline tests.
struct Source {
    path: String,
    code: String,
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect(&root, &mut files);
    files.sort();
    files
        .into_iter()
        .map(|file| {
            let text = fs::read_to_string(&file).unwrap();
            let path = file
                .strip_prefix(&root)
                .unwrap()
                .to_string_lossy()
                .replace('\\', "/");
            Source {
                path,
                code: code_of(&text),
            }
        })
        .collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|ending| ending == "rs") && !is_tests(&path) {
            files.push(path);
        }
    }
}

/// Files of tests alone are judged as tests.
fn is_tests(path: &Path) -> bool {
    path.file_stem()
        .is_some_and(|stem| stem.to_string_lossy().ends_with("tests"))
        || path
            .parent()
            .is_some_and(|folder| folder.ends_with("tests"))
}

/// Line comments and everything from the inline test module on are left out.
fn code_of(text: &str) -> String {
    let code = text.split("#[cfg(test)]\nmod ").next().unwrap();
    code.lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect::<Vec<_>>()
        .join("\n")
}

/// The module of a file: its first folder, or its own name.
fn module(path: &str) -> &str {
    path.split('/').next().unwrap().trim_end_matches(".rs")
}

/// What each module may import of ours.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("error", &["target"]),
    ("secret", &[]),
    ("target", &[]),
    ("worker", &[]),
    ("canonical", &["error"]),
    ("wire", &[]),
    ("catalog", &["canonical", "error", "target"]),
    (
        "providers",
        &["canonical", "catalog", "error", "secret", "target", "wire"],
    ),
    ("doors", &["canonical", "error", "target", "wire"]),
    (
        "config",
        &[
            "catalog",
            "canonical",
            "error",
            "providers",
            "secret",
            "target",
            "gateway",
        ],
    ),
    (
        "routing",
        &[
            "canonical",
            "catalog",
            "config",
            "error",
            "providers",
            "target",
        ],
    ),
    (
        "gateway",
        &[
            "canonical",
            "catalog",
            "config",
            "error",
            "providers",
            "routing",
            "secret",
            "target",
            "wire",
        ],
    ),
    (
        "crash",
        &[
            "canonical",
            "config",
            "error",
            "gateway",
            "providers",
            "routing",
            "secret",
        ],
    ),
    (
        "store",
        &["canonical", "config", "error", "target", "worker"],
    ),
    (
        "telemetry",
        &[
            "canonical",
            "catalog",
            "config",
            "error",
            "gateway",
            "providers",
            "routing",
            "secret",
            "target",
            "worker",
        ],
    ),
    (
        "server",
        &[
            "canonical",
            "catalog",
            "config",
            "doors",
            "error",
            "gateway",
            "providers",
            "routing",
            "store",
            "target",
            "telemetry",
        ],
    ),
];

#[test]
fn imports_point_to_lower_layers_only() {
    let mut faults = Vec::new();
    for source in sources() {
        let Some((_, allowed)) = MAY_IMPORT
            .iter()
            .find(|(name, _)| *name == module(&source.path))
        else {
            continue;
        };
        for (at, _) in source.code.match_indices("crate::") {
            let rest = &source.code[at + "crate::".len()..];
            let name: String = rest
                .chars()
                .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
                .collect();
            if !name.is_empty() && name != module(&source.path) && !allowed.contains(&name.as_str())
            {
                faults.push(format!("{} imports crate::{name}", source.path));
            }
        }
    }
    faults.dedup();
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn some_names_belong_to_one_place() {
    let only: &[(&str, &[&str])] = &[
        ("reqwest::", &["gateway/upstream.rs", "gateway/fetch.rs"]),
        ("hyper", &["gateway/upstream"]),
        ("axum::", &["server/"]),
        ("rusqlite::", &["store/"]),
        ("clap::", &["cli/"]),
        ("println!", &["cli/", "main.rs"]),
        ("std::env::var", &["config/load"]),
        ("std::fs::", &["config/load", "store/", "cli/"]),
        ("Composer::new(", &["canonical/", "gateway/"]),
        (
            "Kind::Compatible",
            &["providers/", "config/", "gateway/snapshot.rs"],
        ),
    ];
    let mut faults = Vec::new();
    for source in sources() {
        for (name, places) in only {
            if source.code.contains(name)
                && !places.iter().any(|place| source.path.starts_with(place))
            {
                faults.push(format!("{} names {name}", source.path));
            }
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn the_pure_layers_do_no_io_and_read_no_clock() {
    let mut faults = Vec::new();
    for source in sources() {
        if !["canonical", "wire", "catalog", "providers", "doors"].contains(&module(&source.path)) {
            continue;
        }
        for name in [
            "tokio::",
            "std::fs",
            "std::net",
            "SystemTime::now",
            "Instant::now",
            "async fn",
            "std::env::",
        ] {
            if source.code.contains(name) {
                faults.push(format!("{} names {name}", source.path));
            }
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn files_stay_readable() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect(&root, &mut files);
    let mut faults = Vec::new();
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        let name = file.strip_prefix(&root).unwrap().display().to_string();
        if !text.starts_with("//!") {
            faults.push(format!("{name} does not say why it exists"));
        }
        let lines = text.lines().count();
        if lines > 400 {
            faults.push(format!("{name} has {lines} lines"));
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}
