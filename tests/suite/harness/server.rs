//! A running server: what it says, what it answers, and its end.

use std::{
    io::{BufRead as _, BufReader, Read},
    net::SocketAddr,
    ops::Deref,
    process::{Child, ExitStatus},
    sync::{Arc, Mutex},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::{Answer, Ask, Connection, PATIENCE, Project, planted::Planted, wait_until};

/// How a program ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) time: Duration,
}

/// A server that runs in a [`Project`] until it is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    project: Project,
    child: Child,
    address: SocketAddr,
    first_line: String,
    log: Arc<Mutex<String>>,
    readers: Vec<JoinHandle<()>>,
    /// What it printed after its first line.
    printed: Arc<Mutex<String>>,
    planted: Planted,
}

impl Server {
    /// Serves these plugins as in production.
    #[track_caller]
    pub(crate) fn start(files: &[(&str, &str)]) -> Self {
        Project::new(files).start()
    }

    /// Serves these plugins in development mode.
    #[track_caller]
    pub(crate) fn dev(files: &[(&str, &str)]) -> Self {
        Project::new(files).arg("--dev").start()
    }

    #[track_caller]
    pub(super) fn of(project: Project) -> Self {
        let mut child = project.command().spawn().unwrap();
        let log = Arc::new(Mutex::new(String::new()));
        let reader = keep(child.stderr.take().unwrap(), Arc::clone(&log));
        let mut first_line = String::new();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        stdout.read_line(&mut first_line).unwrap();
        let printed = Arc::new(Mutex::new(String::new()));
        let without = |word: &str| {
            word.strip_prefix("http://").or(word.strip_prefix("https://")).map(str::to_owned)
        };
        let url = first_line.split_whitespace().find_map(without);
        let Some(address) = url.and_then(|url| url.parse().ok()) else {
            drop(child.kill());
            drop(child.wait());
            drop(reader.join());
            panic!("it did not come to serve: {first_line:?}\n{}", log.lock().unwrap());
        };
        let planted = project.planted();
        planted.is_at(address);
        let readers = vec![reader, keep(stdout, Arc::clone(&printed))];
        Self { project, child, address, first_line, log, readers, printed, planted }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The most memory that it held so far, in bytes.
    pub(crate) fn peak_memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        peak.trim().trim_end_matches(" kB").trim().parse::<u64>().unwrap() << 10
    }

    /// Forgets the most memory that the process ever had: it is counted anew from what it has now.
    pub(crate) fn forget_peak_memory(&self) {
        std::fs::write(format!("/proc/{}/clear_refs", self.pid()), "5").unwrap();
    }

    /// The line that it began with.
    pub(crate) fn first_line(&self) -> &str {
        &self.first_line
    }

    /// All that it has logged.
    pub(crate) fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// Waits until something is logged.
    #[track_caller]
    pub(crate) fn wait_for_log(&self, text: &str) {
        wait_until(&format!("`{text}` in the log"), || self.log().contains(text));
    }

    /// A request on a connection of its own.
    #[track_caller]
    pub(crate) fn ask(&self, ask: Ask) -> Answer {
        self.connect().ask(&ask.header("Connection", "close"))
    }

    #[track_caller]
    pub(crate) fn get(&self, target: &str) -> Answer {
        self.ask(Ask::get(target))
    }

    #[track_caller]
    pub(crate) fn post(&self, target: &str, value: &Value) -> Answer {
        self.ask(Ask::post(target).json(value))
    }

    /// Sends bytes as they are and reads one answer.
    #[track_caller]
    pub(crate) fn raw(&self, bytes: &[u8]) -> Answer {
        let mut connection = self.connect();
        connection.send(bytes);
        connection.answer(false).expect("an answer")
    }

    pub(crate) fn connect(&self) -> Connection {
        Connection::open(self.address).guarding(self.planted.clone())
    }

    /// The same where it may not be there any more; in words, why.
    pub(crate) fn try_connect(&self) -> Result<Connection, String> {
        let open = Connection::try_open(self.address).map_err(|error| error.to_string())?;
        Ok(open.guarding(self.planted.clone()))
    }

    /// Reloads one plugin, or `all`, and gives the report.
    #[track_caller]
    pub(crate) fn reload(&self, name: &str) -> Value {
        self.ask(Ask::post(&format!("/reload/{name}"))).json()
    }

    /// The report of a reload of everything.
    #[track_caller]
    pub(crate) fn report(&self) -> Value {
        self.reload("all")
    }

    /// What `/plugins` says of one plugin; null if it does not know it.
    #[track_caller]
    pub(crate) fn plugin(&self, name: &str) -> Value {
        let listing = self.get("/plugins").json();
        let plugins = listing["plugins"].as_array().cloned().unwrap_or_default();
        plugins.into_iter().find(|plugin| plugin["name"] == name).unwrap_or_default()
    }

    /// Waits until a target answers with this text.
    #[track_caller]
    pub(crate) fn wait_for(&self, target: &str, text: &str) {
        let what = format!("`{text}` from {target}");
        wait_until(&what, || self.get(target).text() == text);
    }

    /// Waits until a target answers with this status.
    #[track_caller]
    pub(crate) fn wait_for_status(&self, target: &str, status: u16) {
        wait_until(&format!("{status} from {target}"), || self.get(target).status == status);
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(self.process(), signal).unwrap();
    }

    /// Waits for the program to end by itself, and then for the rest of what it logged.
    #[track_caller]
    pub(crate) fn end(mut self) -> Ended {
        let began = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(began.elapsed() < PATIENCE, "it does not end:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(2));
        };
        let time = began.elapsed();
        self.readers.drain(..).for_each(|reader| drop(reader.join()));
        self.planted.assert_not_in_log(&self.log());
        Ended { status, stdout: self.first_line.clone(), stderr: self.log(), time }
    }

    /// Asks the program to end, and waits for it.
    #[track_caller]
    pub(crate) fn terminate(self) -> Ended {
        self.signal(Signal::TERM);
        self.end()
    }

    /// Ends the program by a signal; its project stays as it is.
    #[track_caller]
    pub(crate) fn stopped(self, signal: Signal) -> Project {
        let project = self.project.clone();
        // It may have ended already.
        if kill_process(self.process(), signal).is_ok() {
            self.end();
        }
        project
    }

    /// Ends the program by a signal and starts it again in the same project.
    #[track_caller]
    pub(crate) fn restart(self, signal: Signal) -> Self {
        self.stopped(signal).start()
    }

    fn process(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap()
    }
}

impl Deref for Server {
    type Target = Project;

    fn deref(&self) -> &Project {
        &self.project
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
        if std::thread::panicking() {
            eprintln!("--- log of the server\n{}", self.log());
            return;
        }
        self.readers.drain(..).for_each(|reader| drop(reader.join()));
        self.planted.assert_not_in_log(&self.log());
        self.planted.assert_not_in_log(&self.first_line);
        self.planted.assert_not_in_log(&self.printed.lock().unwrap());
        self.planted.assert_not_in_files(self.project.root());
    }
}

fn keep(mut from: impl Read + Send + 'static, log: Arc<Mutex<String>>) -> JoinHandle<()> {
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(read @ 1..) = from.read(&mut buffer) {
            let text = String::from_utf8_lossy(&buffer[..read]).into_owned();
            log.lock().unwrap().push_str(&text);
        }
    })
}
