//! The plugins in a folder of pserve: a file's path is the name of its class there, and its own name here.

use std::path::Path;

/// The most files of a folder that are looked into, and the most bytes of each.
const MOST_FILES: usize = 1000;
const MOST_BYTES: u64 = 1 << 20;

/// A Python file with plugins.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Module {
    /// The file's name without its end.
    pub(super) name: String,
    /// The paths of its plugins: the names of their classes in lower case.
    pub(super) paths: Vec<String>,
}

/// The modules of a folder with plugins in them, in order; none where it cannot be read.
pub(super) fn modules(folder: &Path) -> Vec<Module> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut modules: Vec<Module> = entries
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            let is_python = path.extension().is_some_and(|end| end == "py");
            let fits = path.metadata().is_ok_and(|file| file.is_file() && file.len() <= MOST_BYTES);
            if !is_python || !fits {
                return None;
            }
            let paths = classes(&std::fs::read_to_string(&path).ok()?);
            let name = path.file_stem()?.to_str()?.to_owned();
            (!paths.is_empty()).then_some(Module { name, paths })
        })
        .take(MOST_FILES)
        .collect();
    modules.sort_by(|a, b| a.name.cmp(&b.name));
    modules
}

/// The classes of a text that are plugins.
fn classes(text: &str) -> Vec<String> {
    let class = |line: &str| {
        let (name, bases) = line.strip_prefix("class ")?.split_once('(')?;
        let is_plugin = bases.split(')').next().is_some_and(|bases| bases.contains("BasePlugin"));
        is_plugin.then(|| name.trim().to_lowercase())
    };
    text.lines().filter_map(class).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_the_paths_of_its_classes() {
        let folder = tempfile::tempdir().unwrap();
        let save = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        save(
            "b.py",
            "import x\nclass Users(BasePlugin):\n  pass\nclass Groups( baseplugin.BasePlugin ):\n",
        );
        save("a.py", "class A(BasePlugin): pass\n");
        save("none.py", "class Other(object): pass\n# class X(BasePlugin)\n");
        save("c.txt", "class C(BasePlugin): pass\n");
        let found = modules(folder.path());
        let module = |name: &str, paths: &[&str]| Module {
            name: name.into(),
            paths: paths.iter().map(|&path| path.into()).collect(),
        };
        assert_eq!(found, [module("a", &["a"]), module("b", &["users", "groups"])]);
        assert_eq!(modules(Path::new("/nowhere/at/all")), []);
    }
}
