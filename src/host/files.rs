//! `files::`, files that a plugin keeps below a folder of its own.
//!
//! Every call may wait for the disk, so it gives its worker away.

use std::time::{Duration, Instant};

use http::StatusCode;
use rhai::{Array, Blob, Dynamic, ImmutableString, Map, Module};

use super::{
    current,
    define::{native, not_while_loading, quoted, refusal, words},
    error::raise,
    request::file::File,
};
use crate::{
    content::{beneath::Opened, identity::Identity, kind::Kind, respond::Large},
    script::{Native, budget},
    services::files::{Entry, Files, FilesError},
};

/// How long a call takes at most where no deadline is in force.
const LONGEST: Duration = Duration::from_secs(10);

/// About what an entry of a list takes besides its name, in bytes.
const ENTRY_BYTES: usize = 512;

/// Whose file it is, only the script knows: it is kept by nobody but who asked, who asks again whether it changed.
const CACHE_CONTROL: &str = "private, no-cache";

/// The functions of `files::`.
pub(crate) fn module() -> Module {
    let mut module = Module::new();
    let m = &mut module;
    native(
        "save",
        &["name: &str", "content: Dynamic", "()"],
        "Keeps a string, a blob or a file of a form under a name, in place of the one before.",
    )
    .set_into_module(m, |name: &str, content: Dynamic| save(name, &content));
    native("read", &["name: &str", "Blob"], "What a file holds; 404 if there is none.")
        .set_into_module(m, |name: &str| read("files::read", name));
    native(
        "read_text",
        &["name: &str", "String"],
        "What a file holds, which must be UTF-8; 404 if there is none.",
    )
    .set_into_module(m, read_text);
    native("exists", &["name: &str", "bool"], "Whether there is a file of this name.")
        .set_into_module(m, |name: &str| exists(name));
    native("delete", &["name: &str", "bool"], "Takes a file away; whether there was one.")
        .set_into_module(m, |name: &str| {
            not_while_loading("files::delete")?;
            work("files::delete", name, |files, by| files.delete(name, by))
        });
    native(
        "list",
        &["Array"],
        "All files, in the order of their names: `#{ name, size, modified }`.",
    )
    .set_into_module(m, || list(""));
    native(
        "list",
        &["prefix: &str", "Array"],
        "The files whose names begin so, in the order of their names: `#{ name, size, modified }`.",
    )
    .set_into_module(m, |prefix: &str| list(prefix));
    module
}

/// Works on the files of the plugin that runs, until the script's time is over.
fn work<T>(
    function: &str,
    name: &str,
    work: impl FnOnce(&Files, Instant) -> Result<T, FilesError>,
) -> Native<T> {
    let Some(plugin) = current::plugin() else {
        return Err(refusal(format!("`{function}` works only in a plugin")));
    };
    budget::check()?;
    let by = Instant::now() + budget::remaining().unwrap_or(LONGEST).min(LONGEST);
    let worked = budget::blocking(|| work(&plugin.files, by))?;
    worked.or_else(|error| Err(raised(function, name, &plugin.files, &error)?))
}

/// What the script gets to see; `Err` where it is stopped anyway. Names come from clients more often than
/// not, so what is wrong with them is theirs to know.
fn raised(
    function: &str,
    name: &str,
    files: &Files,
    error: &FilesError,
) -> Native<Box<rhai::EvalAltResult>> {
    let status = match error {
        FilesError::Name if function == "files::save" => StatusCode::UNPROCESSABLE_ENTITY,
        FilesError::Name | FilesError::Missing => StatusCode::NOT_FOUND,
        FilesError::Taken => StatusCode::CONFLICT,
        FilesError::Full { .. } => StatusCode::INSUFFICIENT_STORAGE,
        FilesError::Late | FilesError::System(_) => {
            match error {
                FilesError::System(error) => files.tell(error),
                _ => budget::check()?,
            }
            let detail = "the files that are kept cannot be reached at the moment";
            return Ok(raise(StatusCode::SERVICE_UNAVAILABLE, detail));
        }
    };
    Ok(raise(status, format!("`{function}` of {}: {error}", quoted(name))))
}

/// A file of the plugin that runs, to be sent.
pub(super) fn to_send(function: &str, name: &str) -> Native<Large> {
    work(function, name, |files, _| {
        let Opened { file, metadata } = files.open(name)?;
        Ok(Large::of(file, &Identity::of(&metadata), Kind::of(name), CACHE_CONTROL)?)
    })
}

fn open(function: &str, name: &str) -> Native<Opened> {
    work(function, name, |files, _| files.open(name))
}

fn save(name: &str, content: &Dynamic) -> Native<()> {
    const NAME: &str = "files::save";
    not_while_loading(NAME)?;
    let keep = |bytes: &[u8]| work(NAME, name, |files, by| files.save(name, bytes, by));
    if let Some(text) = content.read_lock::<ImmutableString>() {
        return keep(text.as_bytes());
    }
    if let Some(blob) = content.read_lock::<Blob>() {
        return keep(&blob);
    }
    if let Some(file) = content.read_lock::<File>() {
        return keep(&file.bytes);
    }
    let kind = words(content.type_name());
    let more = if content.is_array() { "; of a field with several files, save each" } else { "" };
    Err(refusal(format!("`{NAME}` takes a string, a blob or a file of a form, not {kind}{more}")))
}

fn read(function: &str, name: &str) -> Native<Blob> {
    let opened = open(function, name)?;
    let length = usize::try_from(opened.metadata.len()).unwrap_or(usize::MAX);
    budget::charge(length)?;
    let content = work(function, name, |_, by| Files::read(&opened.file, length, by))?;
    budget::check()?;
    Ok(content)
}

fn read_text(name: &str) -> Native<String> {
    let content = read("files::read_text", name)?;
    String::from_utf8(content).map_err(|_| {
        let name = quoted(name);
        refusal(format!("`files::read_text`: {name} is not UTF-8: `files::read` gives its bytes"))
    })
}

fn exists(name: &str) -> Native<bool> {
    work("files::exists", name, |files, _| match files.open(name) {
        Ok(_) => Ok(true),
        Err(FilesError::Name | FilesError::Missing) => Ok(false),
        Err(error) => Err(error),
    })
}

/// Why a walk ends early.
enum Stop {
    Files(FilesError),
    Script(Box<rhai::EvalAltResult>),
}

impl From<FilesError> for Stop {
    fn from(error: FilesError) -> Self {
        Self::Files(error)
    }
}

fn list(prefix: &str) -> Native<Array> {
    let mut found = Vec::new();
    let mut stopped = None;
    work("files::list", prefix, |files, by| {
        let mut bytes = 0;
        let walked = files.walk(prefix, by, |entry: Entry| {
            bytes += entry.name.len() + ENTRY_BYTES;
            budget::charge(bytes).map_err(Stop::Script)?;
            found.push(entry);
            Ok(())
        });
        match walked {
            Ok(()) => Ok(()),
            Err(Stop::Files(error)) => Err(error),
            Err(Stop::Script(error)) => {
                stopped = Some(error);
                Ok(())
            }
        }
    })?;
    if let Some(error) = stopped {
        return Err(error);
    }
    found.sort_unstable();
    let mut list = Array::with_capacity(found.len());
    for Entry { name, size, modified } in found {
        let modified = jiff::Timestamp::try_from(modified).unwrap_or_default();
        let mut entry = Map::new();
        entry.insert("name".into(), name.into());
        entry.insert("size".into(), i64::try_from(size).unwrap_or(i64::MAX).into());
        entry.insert("modified".into(), modified.to_string().into());
        list.push(entry.into());
        if list.len().is_multiple_of(256) {
            budget::check()?;
        }
    }
    Ok(list)
}

#[cfg(test)]
mod tests {
    use crate::{
        host::{
            current::Phase,
            testing::{Trial, eval, outgrown, refused},
        },
        script::budget::Spent,
    };

    #[test]
    fn what_was_saved_is_read_listed_and_deleted() {
        for (script, wanted) in [
            (r#"files::save("a/b.txt", "é"); files::read_text("a/b.txt")"#, "é"),
            (r#"files::save("a", blob(3, 65)); files::read("a").len()"#, "3"),
            (r#"files::save("a", "x"); [files::exists("a"), files::exists("b")]"#, "[true, false]"),
            (r#"files::save("a", "x"); [files::delete("a"), files::delete("a")]"#, "[true, false]"),
            (
                r#"for n in ["b/2", "b/1", "a"] { files::save(n, n) }
                   [files::list().map(|f| f.name), files::list("b/").len(), files::list("c").len(),
                    files::list()[0].size]"#,
                r#"[["a", "b/1", "b/2"], 2, 0, 1]"#,
            ),
            (r#"[files::exists("../a"), files::delete("/etc/passwd")]"#, "[false, false]"),
        ] {
            assert_eq!(eval(script).to_string(), wanted, "{script}");
        }
    }

    #[test]
    fn what_is_wrong_is_told() {
        for (script, part) in [
            (r#"files::read("none")"#, "there is no file of this name"),
            (r#"files::read("../a")"#, "no file can have this name"),
            (r#"files::save("/a", "")"#, "no file can have this name"),
            (r#"files::save("a", 1)"#, "not an integer"),
            (r#"files::save("a", ["x"])"#, "save each"),
            (r#"files::save("a/b", ""); files::save("a", "")"#, "the name is taken"),
            (r#"files::save("a", blob(1, 255)); files::read_text("a")"#, "is not UTF-8"),
            (r#"files::save("a", blob(2000000, 1))"#, "`files_bytes`"),
        ] {
            let message = refused(script);
            assert!(message.contains(part), "{script}: {message}");
        }
        let trial = Trial { phase: Phase::Load, ..Trial::default() };
        for script in [r#"files::save("a", "")"#, r#"files::delete("a")"#] {
            let message = trial.run(script).unwrap_err().message;
            assert!(message.contains("on_start"), "{message}");
        }
    }

    #[test]
    fn a_file_is_read_only_if_there_is_room_for_it() {
        let trial = Trial::default();
        assert!(trial.run(r#"files::save("a", blob(900000, 1))"#).is_ok());
        let small = Trial { memory_bytes: 500_000, ..trial };
        assert_eq!(small.run(r#"files::read("a")"#).unwrap_err().spent, Some(Spent::Memory));
        outgrown(
            r#"files::save("a", blob(900000, 1)); let all = []; loop { all.push(files::read("a")) }"#,
        );
    }
}
