//! The watcher on real folders: every way of saving ends in a snapshot with what was saved.

mod ways;

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    sync::mpsc::{self, Receiver},
    time::{Duration, Instant},
};

use tempfile::TempDir;

use super::{Changed, Means, WatchMode, WatchSettings, Watcher};
use crate::source::Snapshot;

const SETTLE: Duration = Duration::from_millis(20);
const LONGEST: Duration = Duration::from_secs(10);

/// A watched folder and the last look at it.
struct Scene {
    _project: TempDir,
    root: PathBuf,
    watcher: Watcher,
    changes: Receiver<Changed>,
    snapshot: Option<Snapshot>,
}

impl Scene {
    fn new(mode: WatchMode) -> Self {
        let project = tempfile::tempdir().unwrap();
        let root = project.path().canonicalize().unwrap().join("plugins");
        fs::create_dir(&root).unwrap();
        Self::at(project, root, mode)
    }

    fn at(project: TempDir, root: PathBuf, mode: WatchMode) -> Self {
        let files = vec![project.path().join("hotplate.toml")];
        let settings =
            WatchSettings { mode, settle: SETTLE, poll: Duration::from_millis(10), files };
        let (sender, changes) = mpsc::channel();
        let wake = move |changed| drop(sender.send(changed));
        let mut watcher = Watcher::start(settings, wake).unwrap();
        watcher.rearm(&root, &[]).unwrap();
        let mut scene = Self { _project: project, root, watcher, changes, snapshot: None };
        scene.look(&Changed::Unclear);
        if scene.watcher.mode().means == Means::Native {
            scene.rest();
        }
        scene
    }

    fn look(&mut self, changed: &Changed) {
        self.snapshot = match (self.snapshot.take(), changed) {
            (Some(mut there), Changed::Files(files)) => there.refresh(files).ok().map(|()| there),
            (before, _) => Snapshot::read(&self.root, before.as_ref()).ok(),
        };
        let folders = self.snapshot.as_ref().map(Snapshot::folders).unwrap_or_default();
        self.watcher.rearm(&self.root, folders).unwrap();
    }

    /// Waits for a wake and takes all others that are there, as one.
    fn wake(&self, time: Duration) -> Option<Changed> {
        let first = self.changes.recv_timeout(time).ok()?;
        Some(self.changes.try_iter().fold(first, Changed::and))
    }

    /// Looks until nothing wakes for a while, and tells how often.
    fn rest(&mut self) -> usize {
        let mut wakes = 0;
        while let Some(changed) = self.wake(SETTLE * 3) {
            wakes += 1;
            assert!(wakes < 1000, "looking must not wake the watcher");
            self.look(&changed);
        }
        wakes
    }

    fn text(&self, name: &str) -> Option<&str> {
        let script =
            self.snapshot.as_ref()?.plugins().find(|script| script.name.as_str() == name)?;
        script.text.as_deref().ok()
    }

    /// Looks as often as the watcher wakes, until `name` has this text, or is gone.
    #[track_caller]
    fn until(&mut self, name: &str, text: Option<&str>) {
        let began = Instant::now();
        while self.text(name) != text {
            let Ok(changed) = self.changes.recv_timeout(LONGEST.saturating_sub(began.elapsed()))
            else {
                panic!("`{name}` is {:?}, not {text:?}, and nothing wakes", self.text(name));
            };
            self.look(&changed);
        }
    }

    fn path(&self, file: &str) -> PathBuf {
        self.root.join(file)
    }
}

fn replace(path: &Path, text: &str) {
    let other = path.with_extension("tmp");
    fs::write(&other, text).unwrap();
    fs::rename(other, path).unwrap();
}

#[test]
fn every_way_of_saving_is_seen() {
    for mode in [WatchMode::Auto, WatchMode::Poll] {
        let mut scene = Scene::new(mode);
        for round in 0..3 {
            for (way, save) in ways::ALL {
                let text = format!("{way} {round}");
                save(&scene.path("a.rhai"), &text);
                scene.until("a", Some(&text));
            }
        }
    }
}

#[test]
fn a_save_wakes_little_and_looking_does_not() {
    let mut scene = Scene::new(WatchMode::Auto);
    fs::write(scene.path("a.rhai"), "1").unwrap();
    scene.until("a", Some("1"));
    scene.rest();
    assert_eq!(scene.rest(), 0);
    replace(&scene.path("a.rhai"), "2");
    assert_eq!(scene.rest(), 1);
    fs::write(scene.path("a.rhai"), "3").unwrap();
    assert_eq!(scene.rest(), 1);
    fs::write(scene.path("notes.txt"), "x").unwrap();
    fs::write(scene.path(".a.rhai.swp"), "x").unwrap();
    fs::create_dir(scene.root.with_file_name("sibling")).unwrap();
    assert_eq!(scene.rest(), 0);
    assert_eq!(scene.text("a"), Some("3"));
}

#[test]
fn a_file_that_is_written_and_not_closed_is_seen_when_it_rests() {
    use std::io::Write as _;
    let mut scene = Scene::new(WatchMode::Auto);
    let mut file = fs::File::create(scene.path("a.rhai")).unwrap();
    file.write_all(b"open").unwrap();
    scene.until("a", Some("open"));
}

#[test]
fn folders_come_go_and_are_replaced() {
    let mut scene = Scene::new(WatchMode::Auto);
    for round in 0..5 {
        let text = |step: &str| Some(format!("{step} {round}"));
        fs::create_dir_all(scene.path("shop/deep")).unwrap();
        fs::write(scene.path("shop/deep/a.rhai"), text("made").unwrap()).unwrap();
        scene.until("shop/deep/a", text("made").as_deref());
        fs::write(scene.path("shop/deep/a.rhai"), text("saved").unwrap()).unwrap();
        scene.until("shop/deep/a", text("saved").as_deref());
        fs::remove_dir_all(scene.path("shop")).unwrap();
        fs::create_dir_all(scene.path("shop/deep")).unwrap();
        fs::write(scene.path("shop/deep/a.rhai"), text("again").unwrap()).unwrap();
        scene.until("shop/deep/a", text("again").as_deref());
        fs::create_dir_all(scene.path("other/deep")).unwrap();
        fs::write(scene.path("other/deep/a.rhai"), text("other").unwrap()).unwrap();
        scene.until("other/deep/a", text("other").as_deref());
        fs::rename(scene.path("shop"), scene.path("old")).unwrap();
        fs::rename(scene.path("other"), scene.path("shop")).unwrap();
        scene.until("shop/deep/a", text("other").as_deref());
        fs::write(scene.path("shop/deep/a.rhai"), text("last").unwrap()).unwrap();
        scene.until("shop/deep/a", text("last").as_deref());
        fs::remove_dir_all(scene.path("shop")).unwrap();
        fs::remove_dir_all(scene.path("old")).unwrap();
        scene.until("shop/deep/a", None);
    }
}

#[test]
fn the_plugin_folder_may_be_moved_away_and_come_back() {
    let mut scene = Scene::new(WatchMode::Auto);
    let away = scene.root.with_file_name("away");
    fs::write(scene.path("a.rhai"), "1").unwrap();
    scene.until("a", Some("1"));
    fs::rename(&scene.root, &away).unwrap();
    scene.until("a", None);
    assert!(scene.snapshot.is_none());
    fs::rename(&away, &scene.root).unwrap();
    scene.until("a", Some("1"));
    replace(&scene.path("a.rhai"), "2");
    scene.until("a", Some("2"));
    fs::create_dir(&away).unwrap();
    fs::write(away.join("a.rhai"), "3").unwrap();
    fs::rename(&scene.root, scene.root.with_file_name("old")).unwrap();
    fs::rename(&away, &scene.root).unwrap();
    scene.until("a", Some("3"));
    replace(&scene.path("a.rhai"), "4");
    scene.until("a", Some("4"));
    fs::remove_dir_all(&scene.root).unwrap();
    scene.until("a", None);
    fs::create_dir(&scene.root).unwrap();
    fs::write(scene.path("a.rhai"), "5").unwrap();
    scene.until("a", Some("5"));
}

#[test]
fn swapped_links_are_followed() {
    let mut scene = Scene::new(WatchMode::Auto);
    for round in 1..4 {
        let (now, text) = (format!("..2026_{round}"), format!("{round}"));
        fs::create_dir(scene.path(&now)).unwrap();
        fs::write(scene.path(&now).join("a.rhai"), &text).unwrap();
        symlink(&now, scene.path("..data_tmp")).unwrap();
        fs::rename(scene.path("..data_tmp"), scene.path("..data")).unwrap();
        if round == 1 {
            symlink("..data/a.rhai", scene.path("a.rhai")).unwrap();
        }
        scene.until("a", Some(&text));
        if round > 1 {
            fs::remove_dir_all(scene.path(&format!("..2026_{}", round - 1))).unwrap();
        }
    }
}

#[test]
fn the_plugin_folder_may_be_a_link_that_is_swapped() {
    let project = tempfile::tempdir().unwrap();
    let base = project.path().canonicalize().unwrap();
    for version in ["v1", "v2"] {
        fs::create_dir_all(base.join("releases").join(version)).unwrap();
        fs::write(base.join("releases").join(version).join("a.rhai"), version).unwrap();
    }
    symlink("releases/v1", base.join("current")).unwrap();
    let mut scene = Scene::at(project, base.join("current"), WatchMode::Auto);
    scene.until("a", Some("v1"));
    replace(&base.join("releases/v1/a.rhai"), "v1b");
    scene.until("a", Some("v1b"));
    symlink("releases/v2", base.join("next")).unwrap();
    fs::rename(base.join("next"), base.join("current")).unwrap();
    scene.until("a", Some("v2"));
    replace(&scene.path("a.rhai"), "v2b");
    scene.until("a", Some("v2b"));
}

#[test]
fn linked_folders_and_their_targets_are_watched() {
    let mut scene = Scene::new(WatchMode::Auto);
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("a.rhai"), "1").unwrap();
    symlink(outside.path(), scene.path("shop")).unwrap();
    scene.until("shop/a", Some("1"));
    replace(&outside.path().join("a.rhai"), "2");
    scene.until("shop/a", Some("2"));
    fs::remove_file(scene.path("shop")).unwrap();
    scene.until("shop/a", None);
    symlink("missing/b", scene.path("b.rhai")).unwrap();
    fs::create_dir(scene.path("missing")).unwrap();
    fs::write(scene.path("missing/b"), "3").unwrap();
    scene.until("b", Some("3"));
    fs::write(scene.path("missing/b"), "4").unwrap();
    scene.until("b", Some("4"));
}

#[test]
fn the_configuration_is_named_as_it_was_given() {
    let mut scene = Scene::new(WatchMode::Auto);
    let file = scene.root.with_file_name("hotplate.toml");
    fs::write(&file, "x").unwrap();
    let changed = scene.changes.recv_timeout(LONGEST).unwrap();
    assert!(changed.may_mean(&file) && changed != Changed::Unclear, "{changed:?}");
    scene.rest();
    replace(&file, "y");
    let changed = scene.changes.recv_timeout(LONGEST).unwrap();
    assert!(changed.may_mean(&file) && changed != Changed::Unclear, "{changed:?}");
}

#[test]
fn a_storm_is_gathered_and_hides_nothing() {
    let mut scene = Scene::new(WatchMode::Auto);
    let began = Instant::now();
    for i in 0..300 {
        let path = scene.path(&format!("p{i}.rhai"));
        for round in 0..10 {
            let other = scene.path(&format!("{i}.{round}"));
            fs::write(&other, format!("{i} {round}")).unwrap();
            assert!(fs::remove_file(&path).is_ok() || round == 0);
            fs::rename(&other, &path).unwrap();
        }
    }
    let windows = usize::try_from(began.elapsed().as_millis() / 50).unwrap() + 2;
    let wakes = scene.changes.try_iter().count();
    assert!(wakes <= windows * 33, "{wakes} wakes in {windows} windows");
    scene.look(&Changed::Unclear);
    scene.rest();
    for i in 0..300 {
        assert_eq!(scene.text(&format!("p{i}")), Some(&*format!("{i} 9")));
    }
}

#[test]
fn events_that_the_system_lost_are_made_up_for() {
    let mut scene = Scene::new(WatchMode::Auto);
    fs::create_dir(scene.path("shop")).unwrap();
    fs::write(scene.path("shop/a.rhai"), "1").unwrap();
    scene.until("shop/a", Some("1"));
    scene.rest();
    // More than the queue of the system holds.
    let (one, two) = (scene.path("x.txt"), scene.path("y.txt"));
    fs::write(&one, "x").unwrap();
    for _ in 0..20_000 {
        fs::rename(&one, &two).unwrap();
        fs::rename(&two, &one).unwrap();
    }
    fs::remove_dir_all(scene.path("shop")).unwrap();
    fs::create_dir(scene.path("shop")).unwrap();
    fs::write(scene.path("shop/a.rhai"), "2").unwrap();
    scene.until("shop/a", Some("2"));
    scene.rest();
    replace(&scene.path("shop/a.rhai"), "3");
    scene.until("shop/a", Some("3"));
}

#[test]
fn what_is_in_force_is_told() {
    let means = |mode| Scene::new(mode).watcher.mode().means;
    assert_eq!(means(WatchMode::Auto), Means::Native);
    assert_eq!(means(WatchMode::Native), Means::Native);
    assert_eq!(means(WatchMode::Poll), Means::Poll);
    assert_eq!(means(WatchMode::Off), Means::Off);
}

#[test]
fn a_dropped_watcher_wakes_nobody_and_lets_go() {
    let scene = Scene::new(WatchMode::Poll);
    let Scene { watcher, changes, _project, .. } = scene;
    drop(watcher);
    let began = Instant::now();
    // The channel ends when the threads, which hold its other end, do.
    while let Ok(_) | Err(mpsc::RecvTimeoutError::Timeout) = changes.recv_timeout(LONGEST) {
        assert!(began.elapsed() < LONGEST);
    }
    let Scene { watcher, changes, _project, .. } = Scene::new(WatchMode::Auto);
    drop(watcher);
    while let Ok(_) | Err(mpsc::RecvTimeoutError::Timeout) = changes.recv_timeout(LONGEST) {
        assert!(began.elapsed() < 2 * LONGEST);
    }
}
