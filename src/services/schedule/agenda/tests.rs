//! An agenda whose clocks are moved by hand.

use super::*;

/// A clock that goes forward, and one that may be set.
struct Clocks {
    steady: Instant,
    wall: Timestamp,
}

impl Clocks {
    fn at(wall: &str) -> Self {
        Self { steady: Instant::now(), wall: wall.parse().unwrap() }
    }

    fn now(&self) -> Moment {
        Moment { steady: self.steady, wall: self.wall }
    }

    fn pass(&mut self, seconds: f64) {
        self.steady += Duration::from_secs_f64(seconds);
        self.wall += SignedDuration::from_secs_f64(seconds);
    }

    fn set(&mut self, seconds: i64) {
        self.wall += SignedDuration::from_secs(seconds);
    }
}

fn every(name: &str, seconds: u64) -> Assignment<()> {
    assignment(name, Timetable::every(Duration::from_secs(seconds)).unwrap())
}

fn cron(name: &str, pattern: &str) -> Assignment<()> {
    assignment(name, Timetable::cron(pattern, "UTC").unwrap())
}

fn assignment(name: &str, timetable: Timetable) -> Assignment<()> {
    Assignment { name: name.into(), timetable, record: Arc::default(), work: () }
}

/// An agenda with the jobs of one plugin, and what is known of them.
fn agenda(jobs: Vec<Assignment<()>>, clocks: &Clocks) -> (Agenda<()>, Vec<Arc<Record>>) {
    let mut agenda = Agenda::default();
    let records = jobs.iter().map(|job| Arc::clone(&job.record)).collect();
    let (held, _) = agenda.put("p", jobs);
    assert!(agenda.look(clocks.now()).is_empty());
    agenda.release(held, clocks.now());
    (agenda, records)
}

/// The names of what begins, all of which ends at once.
fn round(agenda: &mut Agenda<()>, clocks: &Clocks) -> Vec<String> {
    let starts = agenda.look(clocks.now());
    starts.iter().for_each(|start| agenda.ended(&start.plugin, &start.name));
    starts.into_iter().map(|start| start.name.to_string()).collect()
}

/// Lets an hour go by in small steps, and counts what begins.
fn an_hour(agenda: &mut Agenda<()>, clocks: &mut Clocks) -> usize {
    (0..7200)
        .map(|_| {
            clocks.pass(0.5);
            round(agenda, clocks).len()
        })
        .sum()
}

#[test]
fn an_interval_begins_after_it_has_passed_and_keeps_its_beat() {
    let mut clocks = Clocks::at("2026-06-01T00:00:00Z");
    let (mut agenda, records) = agenda(vec![every("a", 10)], &clocks);
    clocks.pass(9.9);
    assert!(round(&mut agenda, &clocks).is_empty());
    clocks.pass(0.4);
    assert_eq!(round(&mut agenda, &clocks), ["a"]);
    assert_eq!(agenda.quiet(clocks.now()), Some(Duration::from_secs_f64(9.7)));
    clocks.pass(9.7);
    assert_eq!(round(&mut agenda, &clocks), ["a"]);
    assert_eq!((records[0].standing().runs, records[0].standing().skips), (2, 0));
}

#[test]
fn a_run_that_is_due_while_one_goes_on_is_skipped_and_counted() {
    let mut clocks = Clocks::at("2026-06-01T00:00:00Z");
    let (mut agenda, records) = agenda(vec![every("a", 10)], &clocks);
    clocks.pass(10.0);
    assert_eq!(agenda.look(clocks.now()).len(), 1);
    for _ in 0..3 {
        clocks.pass(10.0);
        assert!(agenda.look(clocks.now()).is_empty());
    }
    agenda.ended("p", "a");
    clocks.pass(9.0);
    assert!(agenda.look(clocks.now()).is_empty());
    clocks.pass(1.0);
    assert_eq!(agenda.look(clocks.now()).len(), 1);
    let standing = records[0].standing();
    assert_eq!((standing.runs, standing.skips), (2, 3));
}

#[test]
fn however_long_nobody_looked_there_is_one_run() {
    let mut clocks = Clocks::at("2026-06-01T00:00:00Z");
    let (mut agenda, records) = agenda(vec![every("a", 10), cron("b", "* * * * *")], &clocks);
    clocks.pass(3605.0);
    assert_eq!(round(&mut agenda, &clocks), ["a", "b"]);
    assert!(round(&mut agenda, &clocks).is_empty());
    assert_eq!(records[0].standing().skips, 359);
    clocks.pass(5.0);
    assert_eq!(round(&mut agenda, &clocks), ["a"]);
    clocks.pass(49.0);
    assert_eq!(round(&mut agenda, &clocks), ["a"]);
    clocks.pass(1.0);
    assert_eq!(round(&mut agenda, &clocks), ["a", "b"]);
}

#[test]
fn once_is_once() {
    let mut clocks = Clocks::at("2026-06-01T00:00:00Z");
    let job = assignment("a", Timetable::After(Duration::from_secs(10)));
    let (mut agenda, _) = agenda(vec![job], &clocks);
    assert_eq!(an_hour(&mut agenda, &mut clocks), 1);
    assert_eq!(agenda.quiet(clocks.now()), None);
}

#[test]
fn a_clock_set_forward_brings_one_run_and_no_storm() {
    let mut clocks = Clocks::at("2026-06-01T00:00:30Z");
    let (mut agenda, _) = agenda(vec![cron("a", "* * * * *"), every("b", 3600)], &clocks);
    clocks.pass(1.0);
    assert!(round(&mut agenda, &clocks).is_empty());
    clocks.set(365 * 86_400);
    assert_eq!(round(&mut agenda, &clocks), ["a"]);
    assert_eq!(an_hour(&mut agenda, &mut clocks), 60 + 1);
}

#[test]
fn a_clock_set_back_neither_stops_a_job_nor_makes_it_storm() {
    let mut clocks = Clocks::at("2026-06-01T12:00:30Z");
    let (mut agenda, _) = agenda(vec![cron("a", "* * * * *"), every("b", 3600)], &clocks);
    assert!(round(&mut agenda, &clocks).is_empty());
    clocks.set(-7 * 86_400);
    clocks.pass(0.5);
    assert!(round(&mut agenda, &clocks).is_empty());
    assert!(agenda.quiet(clocks.now()).unwrap() <= LOOK_EVERY);
    assert_eq!(an_hour(&mut agenda, &mut clocks), 60 + 1);
}

#[test]
fn a_clock_that_is_put_right_by_a_little_reaches_no_time_twice() {
    let mut clocks = Clocks::at("2026-06-01T05:59:59Z");
    let (mut agenda, _) = agenda(vec![cron("a", "0 6 * * *")], &clocks);
    clocks.pass(1.2);
    assert_eq!(round(&mut agenda, &clocks), ["a"]);
    clocks.set(-1);
    assert_eq!(an_hour(&mut agenda, &mut clocks), 0);
}

#[test]
fn a_new_version_goes_on_with_the_beat_of_an_interval_that_it_kept() {
    let mut clocks = Clocks::at("2026-06-01T00:00:00Z");
    let (mut agenda, _) = agenda(vec![every("a", 100), every("b", 100)], &clocks);
    clocks.pass(60.0);
    let (held, before) = agenda.put("p", vec![every("a", 100), every("b", 50)]);
    assert!(before.is_some());
    agenda.release(held, clocks.now());
    clocks.pass(40.0);
    assert_eq!(round(&mut agenda, &clocks), ["a"]);
    clocks.pass(10.0);
    assert_eq!(round(&mut agenda, &clocks), ["b"]);
}

#[test]
fn a_run_of_the_version_before_counts_as_one_of_the_job() {
    let mut clocks = Clocks::at("2026-06-01T00:00:00Z");
    let (mut agenda, _) = agenda(vec![every("a", 10)], &clocks);
    clocks.pass(10.0);
    assert_eq!(agenda.look(clocks.now()).len(), 1);
    let (held, _) = agenda.put("p", vec![every("a", 10)]);
    agenda.release(held, clocks.now());
    clocks.pass(10.0);
    assert!(agenda.look(clocks.now()).is_empty());
    assert_eq!(agenda.running(), [("p".to_owned(), "a".to_owned())]);
    agenda.ended("p", "a");
    clocks.pass(10.0);
    assert_eq!(agenda.look(clocks.now()).len(), 1);
    agenda.remove("p");
    assert!(agenda.is_empty());
    assert_eq!(agenda.running().len(), 1);
}

#[test]
fn jobs_of_one_plugin_wait_for_each_other_and_none_for_ever() {
    let mut clocks = Clocks::at("2026-06-01T00:00:00Z");
    let jobs = ["a", "b", "c", "d", "e", "f"].map(|name| every(name, 10)).into();
    let (mut agenda, _) = agenda(jobs, &clocks);
    clocks.pass(10.0);
    let names = |starts: Vec<Start<()>>| {
        starts.into_iter().map(|start| start.name.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(names(agenda.look(clocks.now())), ["a", "b", "c", "d"]);
    clocks.pass(10.0);
    assert!(agenda.look(clocks.now()).is_empty());
    agenda.ended("p", "a");
    clocks.pass(10.0);
    // `a` is due again too, but `e` has waited.
    assert_eq!(names(agenda.look(clocks.now())), ["e"]);
    agenda.ended("p", "b");
    assert_eq!(names(agenda.look(clocks.now())), ["f"]);
    agenda.ended("p", "c");
    assert_eq!(names(agenda.look(clocks.now())), ["a"]);
}

#[test]
fn jobs_of_other_plugins_do_not_wait() {
    let mut clocks = Clocks::at("2026-06-01T00:00:00Z");
    let jobs = ["a", "b", "c", "d", "e"].map(|name| every(name, 10)).into();
    let (mut agenda, _) = agenda(jobs, &clocks);
    let (held, _) = agenda.put("q", vec![every("a", 10)]);
    agenda.release(held, clocks.now());
    clocks.pass(10.0);
    assert_eq!(agenda.look(clocks.now()).len(), 5);
}
