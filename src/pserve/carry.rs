//! Key by key: what each means in ours.

mod cors;
mod guarded;
mod plugins;
mod sessman;

use std::{
    collections::BTreeSet,
    net::IpAddr,
    path::{Path, PathBuf},
};

use super::{
    Home, Imported, Secrets,
    ini::{DEFAULT, Entry, Ini},
    opening,
    value::{self, Text, Value},
    write::{self, Section, quoted},
};
use crate::{diagnostic::Diagnostic, source::name::reserved};

type Fault = Box<Diagnostic>;

/// A new configuration that is being made.
pub(super) struct Carried<'a> {
    ini: &'a Ini,
    home: &'a Home<'a>,
    secrets: Secrets,
    sections: Vec<Section>,
    /// What is not carried, for the end of the new file.
    left: Section,
    notes: Vec<String>,
    variables: BTreeSet<String>,
    /// The plugins that have a section.
    named: BTreeSet<String>,
    /// What the plugin that serves documents asks for.
    documents: guarded::Asked,
    /// The keys that were looked at, each with its section.
    seen: BTreeSet<(String, String)>,
}

impl<'a> Carried<'a> {
    pub(super) fn new(ini: &'a Ini, home: &'a Home<'a>, secrets: Secrets) -> Self {
        Self {
            ini,
            home,
            secrets,
            sections: Vec::new(),
            left: Section::top(),
            notes: Vec::new(),
            variables: BTreeSet::new(),
            named: BTreeSet::new(),
            documents: guarded::Asked::default(),
            seen: BTreeSet::new(),
        }
    }

    /// Carries everything.
    pub(super) fn all(&mut self) -> Result<(), Fault> {
        self.server();
        self.network()?;
        self.paths()?;
        self.auth()?;
        self.tls()?;
        self.plugins()?;
        self.documents()?;
        self.cors()?;
        self.rest();
        Ok(())
    }

    /// The new file, and what is to be said of it.
    pub(super) fn finish(self, name: &str) -> Imported {
        let mut sections = vec![opening(name)];
        sections.extend(self.sections);
        sections.push(self.left);
        let (notes, variables) = (self.notes, self.variables);
        Imported { toml: write::file(&sections), notes, variables }
    }

    /// The value of a key, which is looked at with that.
    fn take(&mut self, section: &str, key: &str) -> Result<Option<(Value, Entry)>, Fault> {
        self.seen.insert((section.to_owned(), key.to_owned()));
        // What stands for all sections may be what this one was given.
        if self.ini.is_default(section, key) {
            self.seen.insert((DEFAULT.to_owned(), key.to_owned()));
        }
        let Some(entry) = self.ini.entry(section, key).filter(|entry| !entry.raw.is_empty()) else {
            return Ok(None);
        };
        Ok(Some((value::read(self.ini, section, entry)?, entry.clone())))
    }

    /// The value of a key that is a text.
    fn take_text(&mut self, section: &str, key: &str) -> Result<Option<Text>, Fault> {
        let Some((value, entry)) = self.take(section, key)? else { return Ok(None) };
        match value.text() {
            Some(text) => Ok(Some(text).filter(|text| !text.is_empty())),
            None => Err(self.ini.fault(entry.line, format!("`{key}` is a text"))),
        }
    }

    /// Names a key that the new file does not have, and why.
    fn leave(&mut self, section: &str, key: &str, why: &str) {
        let line = format!("not carried: [{section}] {key}: {why}");
        self.left.comment(&line);
        self.notes.push(write::printable(&line));
    }

    fn note(&mut self, section: &mut Section, text: &str) {
        section.comment(text);
        self.notes.push(write::printable(text));
    }

    /// A secret as it stands in the new file.
    fn secret(&mut self, variable: &str, text: &Text) -> String {
        if self.secrets == Secrets::Plain || text.is_variable() {
            return quoted(&text.written());
        }
        let letter = |letter: char| match letter.is_ascii_alphanumeric() {
            true => letter.to_ascii_uppercase(),
            false => '_',
        };
        let name: String = variable.chars().map(letter).collect();
        // Names that differ in other characters may come to the same.
        let is_free = |name: &String| !self.variables.contains(name);
        let numbered = (2..).map(|number| format!("{name}_{number}"));
        let variable = std::iter::once(name.clone()).chain(numbered).find(is_free);
        let variable = variable.unwrap_or(name);
        let reference = quoted(&format!("${{ENV:{variable}}}"));
        self.variables.insert(variable);
        reference
    }

    /// Says so where hotplate itself answers at a path.
    fn is_free(&mut self, path: &str, section: &mut Section) {
        let first = path.trim_start_matches('/').split('/').next().unwrap_or_default();
        if reserved(first).is_some() {
            let text = format!(
                "hotplate itself answers at /{first}: choose another path, here and in links"
            );
            self.note(section, &text);
        }
    }

    /// A path of the old file on this machine.
    fn path(&self, text: &Text) -> PathBuf {
        let filled = text.filled(self.home.environment);
        let home = self.home.environment.iter().rev().find(|(name, _)| name == "HOME");
        match (filled.strip_prefix("~/"), home) {
            (Some(rest), Some((_, home))) => Path::new(home).join(rest),
            _ => self.home.folder.join(filled),
        }
    }

    fn server(&mut self) {
        let mut section = Section::new("[server]");
        section.comment(
            "A string that a handler returns is HTML, as in pserve: escape what others wrote.",
        );
        section.set("string_type", quoted("html"));
        self.sections.push(section);
    }

    fn network(&mut self) -> Result<(), Fault> {
        let mut section = Section::new("[network]");
        if let Some(text) = self.take_text("network", "bindto")? {
            match Bound::of(&text) {
                Bound::Variable => section.set("bind", quoted(&text.written())),
                Bound::Address(address) => {
                    section.set("bind", quoted(&address.to_string()));
                    if !address.is_loopback() {
                        self.note(
                            &mut section,
                            "pserve takes any name in Host; here the server's own names stand in `hosts`",
                        );
                        section.comment("hosts = [\"www.example.org\"]");
                    }
                }
                Bound::Name => {
                    self.leave(
                        "network",
                        "bindto",
                        "it is a name; `network.bind` is an IP address",
                    );
                }
            }
        }
        if let Some((value, entry)) = self.take("network", "port")? {
            let number = match &value {
                Value::Integer(number) => Some(*number),
                Value::Text(text) => text.plain().map(|text| text.trim().parse().unwrap_or(-1)),
                _ => Some(-1),
            };
            match number {
                Some(number) if u16::try_from(number).is_err() => {
                    return Err(self.ini.fault(entry.line, "`port` is a number from 0 to 65535"));
                }
                Some(number) => section.set("port", number.to_string()),
                None => section.set("port", value.toml()),
            }
        }
        section.comment(
            "pserve believes X-Forwarded-For from everybody; here only from `trusted_proxies`.",
        );
        self.sections.push(section);
        Ok(())
    }

    fn paths(&mut self) -> Result<(), Fault> {
        let mut section = Section::new("[paths]");
        for key in ["plugins", "pidfile"] {
            if let Some(text) = self.take_text("paths", key)? {
                section.set(key, quoted(&text.written()));
            }
        }
        self.sections.push(section);
        Ok(())
    }

    fn auth(&mut self) -> Result<(), Fault> {
        let mut section = Section::new("[auth]");
        if let Some(key) = self.take_text("auth", "apikey")? {
            let written = self.secret("PSERVE_APIKEY", &key);
            section.set("apikey", written);
        } else {
            let bound = self.take_text("network", "bindto")?.map(|text| Bound::of(&text));
            let here = match bound {
                Some(Bound::Address(address)) if !address.is_loopback() => {
                    "the server does not start without a key on this address: set `apikey`, or start it \
                     with --insecure"
                }
                Some(Bound::Variable) => {
                    "they are for programs on this machine, and on an address that others can reach the \
                     server does not start without a key: set `apikey`, or start it with --insecure"
                }
                _ => "they are for programs on this machine only",
            };
            let text = format!(
                "without `apikey` pserve opens /plugins and /reload to everybody; here {here}"
            );
            self.note(&mut section, &text);
        }
        self.sections.push(section);
        Ok(())
    }

    fn tls(&mut self) -> Result<(), Fault> {
        let mut section = Section::new("[tls]");
        let said = self.take("SSL", "enabled")?.map(|(value, _)| value);
        let enabled = said.as_ref().is_some_and(Value::is_true);
        let cert = self.take_text("SSL", "certfile")?;
        let key = self.take_text("SSL", "keyfile")?;
        if enabled && (cert.is_none() || key.is_none()) {
            self.note(
                &mut section,
                "SSL is enabled there without both files, which serves plain HTTP",
            );
        } else if enabled || cert.is_some() || key.is_some() {
            section.set("enabled", enabled.to_string());
        }
        if let Some(Value::Text(_)) = said
            && !enabled
        {
            self.note(
                &mut section,
                "pserve serves with TLS whatever `enabled` says without `bool:`; here false is false.",
            );
        }
        for (name, text) in [("cert", cert), ("key", key)] {
            if let Some(text) = text {
                section.set(name, quoted(&text.written()));
            }
        }
        self.sections.push(section);
        Ok(())
    }

    fn documents(&mut self) -> Result<(), Fault> {
        let mut section = Section::new("[documents]");
        for (old, new) in [
            ("markdown_css", "markdown_css"),
            ("highlight_css", "highlight_css"),
            ("markdown_envelope", "envelope"),
            ("common_log", "common_log"),
        ] {
            if let Some(text) = self.take_text("file_server", old)? {
                section.set(new, quoted(&text.written()));
            }
        }
        if let Some((value, _)) = self.take("file_server", "log_includes")? {
            section.set("log_includes", value.is_true().to_string());
        }
        let index = self.take_text("file_server", "indexfile")?;
        let own = self.take_text("file_server", "documents")?;
        let old = self.take_text("paths", "documents")?;
        if own.is_some() && old.is_some() {
            self.leave("paths", "documents", "[file_server] documents counts");
        }
        if let Some(documents) = own.or(old) {
            let mut mount = Section::new("[[documents.mounts]]");
            let (path, folder) = match documents.split_once(':') {
                Some((path, folder)) => (path.written(), folder),
                None => (last_part(&documents), documents),
            };
            self.is_free(&path, &mut mount);
            mount.set("path", quoted(&format!("/{}", path.trim_matches('/'))));
            mount.set("folder", quoted(&folder.written()));
            if let Some(index) = index {
                mount.set("index", format!("[{}]", quoted(&index.written())));
            }
            section.comment(
                "pserve keeps HTML that stands in Markdown; here it is left out unless `markdown_html` is set.",
            );
            section.comment("markdown_html = true");
            self.sections.push(section);
            mount.comment("Here @INCLUDE= and @FILETIME= reach files of this folder only.");
            self.guard(&mut mount);
            self.sections.push(mount);
            return Ok(());
        }
        if index.is_some() {
            self.leave("file_server", "indexfile", "there are no `documents`");
        }
        self.sections.push(section);
        Ok(())
    }

    /// All keys that nothing above looked at.
    fn rest(&mut self) {
        let ini = self.ini;
        for section in &ini.sections {
            for entry in &section.entries {
                let name = (section.name.clone(), entry.key.clone());
                if self.seen.contains(&name) {
                    continue;
                }
                let why = match section.name.as_str() {
                    "network" | "auth" | "SSL" | "cors" | "file_server" => "pserve has no such key",
                    _ => {
                        "there are no free sections; where it is referred to, its value stands; a \
                         plugin that reads it gets it in [plugins.NAME]"
                    }
                };
                self.leave(&section.name, &entry.key, why);
            }
        }
    }
}

/// What a server of pserve is bound to.
enum Bound {
    Address(IpAddr),
    /// What a variable of the environment says.
    Variable,
    /// A name, which `network.bind` cannot be.
    Name,
}

impl Bound {
    fn of(text: &Text) -> Self {
        let Some(plain) = text.plain() else { return Self::Variable };
        let address = if plain == "localhost" { "127.0.0.1" } else { &*plain };
        address.parse().map_or(Self::Name, Self::Address)
    }
}

/// The last part of a path, which names it where nothing else does.
fn last_part(text: &Text) -> String {
    let written = text.written();
    let trimmed = written.trim_end_matches('/');
    trimmed.rsplit_once('/').map_or(trimmed, |(_, last)| last).to_owned()
}
