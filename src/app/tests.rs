//! That one look that panics does not end the reloading.

mod both;

use std::{
    fs,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use super::{Hotplate, StartError};
use crate::{reload::Applied, settings::Sources};

fn put(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

#[tokio::test]
async fn a_look_that_panics_is_told_and_the_next_one_is_as_good_as_ever() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("config/hotplate.toml");
    put(&config, "");
    put(&folder.path().join("plugins/a.rhai"), "get(|req| 1);");
    let panics = Arc::new(AtomicBool::new(false));
    let asked = Arc::clone(&panics);
    let site = Hotplate::builder()
        .sources(Sources { file: Some(config.clone()), ..Sources::default() })
        .apply(move |_, _| {
            assert!(!asked.swap(false, Ordering::Relaxed), "on purpose");
            Applied::default()
        })
        .build()
        .unwrap();
    assert_eq!(site.first_report().added, ["a"]);
    panics.store(true, Ordering::Relaxed);
    put(&config, "[limits]\nscript_ms = 1000\n");
    // The watcher may have been quicker than us, and then the look that panicked was its own.
    let report = site.reload().await;
    assert!(matches!(report, Ok(_) | Err(StartError::GaveUp)), "{report:?}");
    assert!(!panics.load(Ordering::Relaxed), "it was looked");
    put(&folder.path().join("plugins/b.rhai"), "get(|req| 2);");
    let report = site.reload().await.unwrap();
    assert!(report.is_good(), "{report:?}");
    put(&folder.path().join("plugins/c.rhai"), "get(|req| 3);");
    let began = Instant::now();
    while !site.inner.site.current().plugins.contains_key("c") {
        assert!(began.elapsed() < Duration::from_secs(10), "changes are noticed no more");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    site.end().await;
    assert!(matches!(site.reload().await, Err(StartError::Ended)));
}
