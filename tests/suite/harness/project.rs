//! A project in a temporary folder: plugins, a configuration, and what the program is started with.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    Ended, Server,
    planted::{OF_ENVIRONMENT, OF_FILE, Planted},
};

/// A folder with plugins, and how the program is started in it.
#[derive(Debug, Clone)]
pub(crate) struct Project {
    folder: Arc<tempfile::TempDir>,
    arguments: Vec<String>,
    around: Vec<String>,
    variables: Vec<(String, String)>,
}

/// The program under test: the one that was built with the tests, or another build of it, such as the
/// released one, which `SUITE_PROGRAM` names: by its whole path, or from the folder of the package.
pub(crate) fn program() -> String {
    let Ok(named) = std::env::var("SUITE_PROGRAM") else {
        return env!("CARGO_BIN_EXE_hotplate").to_owned();
    };
    // Tests start it in folders of their own, where a relative path leads nowhere.
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(named);
    assert!(path.is_file(), "SUITE_PROGRAM is {}, which is not a file", path.display());
    path.to_str().expect("a path in UTF-8").to_owned()
}

/// How long what may take `released` in the released program may take in the one under test, which may be built to
/// be debugged.
pub(crate) fn within(released: Duration) -> Duration {
    if std::env::var_os("SUITE_PROGRAM").is_some() { released } else { released * 4 }
}

impl Project {
    /// A project with these files below `plugins/`.
    pub(crate) fn new(files: &[(&str, &str)]) -> Self {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        let project = Self {
            folder,
            arguments: vec!["serve".to_owned()],
            around: Vec::new(),
            variables: vec![("HOTPLATE_NETWORK__PORT".to_owned(), "0".to_owned())],
        };
        fs::create_dir(project.plugins()).unwrap();
        for folder in [project.root(), &project.plugins()] {
            fs::write(folder.join(".env"), format!("SECRET={OF_FILE}\n")).unwrap();
        }
        for (name, text) in files {
            project.save(name, text);
        }
        project
    }

    /// The same, with a configuration in `config/hotplate.toml`.
    pub(crate) fn config(self, text: &str) -> Self {
        self.save_config(text);
        self
    }

    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.variables.retain(|(there, _)| there != name);
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The same, without a variable that was set.
    pub(crate) fn without_env(mut self, name: &str) -> Self {
        self.variables.retain(|(there, _)| there != name);
        self
    }

    pub(crate) fn arg(mut self, argument: &str) -> Self {
        self.arguments.push(argument.to_owned());
        self
    }

    /// The same, started without a subcommand.
    pub(crate) fn bare(mut self) -> Self {
        self.arguments.clear();
        self
    }

    /// The same, started through a command that becomes the program: `unshare`, `setpriv`.
    pub(crate) fn through(mut self, command: &[&str]) -> Self {
        self.around = command.iter().map(|&word| word.to_owned()).collect();
        self
    }

    pub(crate) fn root(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn plugins(&self) -> PathBuf {
        self.root().join("plugins")
    }

    /// Saves a script as most tools do: beside it, and then renamed over it.
    pub(crate) fn save(&self, name: &str, text: &str) {
        put(&self.plugins().join(name), text.as_bytes());
    }

    /// Writes a script in place.
    pub(crate) fn write(&self, name: &str, text: &[u8]) {
        fs::write(self.plugins().join(name), text).unwrap();
    }

    pub(crate) fn remove(&self, name: &str) {
        fs::remove_file(self.plugins().join(name)).unwrap();
    }

    pub(crate) fn save_config(&self, text: &str) {
        put(&self.root().join("config/hotplate.toml"), text.as_bytes());
    }

    /// The program, ready to start in this project.
    pub(crate) fn command(&self) -> Command {
        let mut command = self.plain_command();
        command.args(&self.arguments).envs(self.variables.iter().cloned());
        command
    }

    /// The program, told nothing yet.
    fn plain_command(&self) -> Command {
        let program = [program()];
        let mut words = self.around.iter().chain(&program);
        let mut command = Command::new(words.next().unwrap());
        command.args(words);
        let inherited = std::env::vars_os().map(|(name, _)| name);
        for name in inherited.filter(|name| name.to_string_lossy().starts_with("HOTPLATE_")) {
            command.env_remove(name);
        }
        command
            .env("PLANTED_SECRET", OF_ENVIRONMENT)
            .current_dir(self.root())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// What the program may not say.
    pub(super) fn planted(&self) -> Planted {
        let config = fs::read_to_string(self.root().join("config/hotplate.toml"));
        let variables = self.variables.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        Planted::of(self.root(), &config.unwrap_or_default(), variables)
    }

    /// Starts the program, which must come to serve.
    #[track_caller]
    pub(crate) fn start(self) -> Server {
        Server::of(self)
    }

    /// Runs `hotplate` with these arguments, and none of the project's own, in the project.
    #[track_caller]
    pub(crate) fn hotplate(&self, arguments: &[&str]) -> Ended {
        self.ended(self.plain_command().args(arguments))
    }

    /// Runs the program, which must end by itself.
    #[track_caller]
    pub(crate) fn run(&self) -> Ended {
        self.ended(&mut self.command())
    }

    /// What became of a run, which may have said nothing that was planted.
    #[track_caller]
    fn ended(&self, command: &mut Command) -> Ended {
        let planted = self.planted();
        let ended = ended(command);
        planted.assert_not_in_log(&ended.stdout);
        planted.assert_not_in_log(&ended.stderr);
        ended
    }
}

fn ended(command: &mut Command) -> Ended {
    let began = Instant::now();
    let output = command.output().unwrap();
    Ended {
        status: output.status,
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        time: began.elapsed(),
    }
}

/// Writes a file beside where it goes, and renames it.
fn put(path: &Path, text: &[u8]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let name = path.file_name().unwrap().to_string_lossy();
    let aside = path.with_file_name(format!(".{name}.new"));
    fs::write(&aside, text).unwrap();
    fs::rename(&aside, path).unwrap();
}
