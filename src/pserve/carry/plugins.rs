//! `[plugin_parms]`, and what the files of the plugins tell.

use std::collections::BTreeMap;

use super::{Carried, Fault, guarded, sessman};
use crate::pserve::{
    classes,
    parameters::{self, Parameter},
    value::{self, Text},
    write::{Section, key, quoted},
};

/// Keys of `[plugins.NAME]` that are not the script's own settings.
const OURS: [&str; 7] = ["enabled", "limits", "cors", "auth", "auth_type", "apikey", "route_path"];

/// Parameters that are secrets, by what their names end in.
const SECRET: [&str; 9] =
    ["password", "passwd", "passphrase", "pass", "pwd", "secret", "token", "credentials", "key"];

/// Whether a parameter is a secret: by its name, or because it is an address with a password in it.
fn is_secret(name: &str, text: &Text) -> bool {
    let name = name.to_lowercase();
    let written = text.written();
    let user = written.split_once("://").and_then(|(_, rest)| {
        rest.split(['/', '?', '#']).next()?.rsplit_once('@').map(|(user, _)| user)
    });
    SECRET.iter().any(|end| name.ends_with(end)) || user.is_some_and(|user| user.contains(':'))
}

impl Carried<'_> {
    /// The sections of all plugins that have something to say.
    pub(super) fn plugins(&mut self) -> Result<(), Fault> {
        let folder = match self.ini.entry("paths", "plugins") {
            Some(entry) => value::read(self.ini, "paths", entry)?.text(),
            None => None,
        };
        let modules = folder.as_ref().map(|folder| classes::modules(&self.path(folder)));
        let modules = modules.unwrap_or_default();
        let said = self.ini.section("plugin_parms").map(|section| section.entries.clone());
        for entry in said.unwrap_or_default() {
            self.seen.insert(("plugin_parms".to_owned(), entry.key.clone()));
            let text = value::read(self.ini, "plugin_parms", &entry)?.text();
            let Some(text) = text else {
                return Err(self.ini.fault(entry.line, format!("`{}` is a text", entry.key)));
            };
            // Names of keys are in lower case, those of files may not be.
            let module = modules.iter().find(|module| module.name.to_lowercase() == entry.key);
            for name in
                module.map_or(std::slice::from_ref(&entry.key), |module| module.paths.as_slice())
            {
                self.plugin(name, &entry.key, parameters::parse(&text), folder.as_ref());
            }
        }
        Ok(())
    }

    /// The section of the plugin `name`, whose parameters stand under `parms`: there, several plugins of a
    /// file share them.
    fn plugin(
        &mut self,
        name: &str,
        parms: &str,
        mut parameters: BTreeMap<String, Parameter>,
        folder: Option<&Text>,
    ) {
        if self.named.contains(name) {
            let why = format!("there are two plugins `{name}`; this one is left out");
            return self.leave("plugin_parms", parms, &why);
        }
        self.named.insert(name.to_owned());
        let mut section = Section::new(format!("[plugins.{}]", key(name)));
        if let Some(file) = parameters.remove("json").and_then(|file| file.text()) {
            let folder = folder.map(|folder| self.path(folder)).unwrap_or_default();
            let file = file.filled(self.home.environment);
            match parameters::of_file(&folder.join(&file)) {
                // What stands in the file counts, as in pserve.
                Ok(members) => parameters.extend(members),
                Err(why) => self.leave("plugin_parms", parms, &format!("json={file}: {why}")),
            }
        }
        if name.eq_ignore_ascii_case(sessman::NAME) {
            self.sessman(parms, &mut parameters, &mut section);
        }
        if name != parms {
            section.comment(&format!("{parms}.py: its path is the name of its class."));
        }
        if let Some(path) = parameters.get("route_path").and_then(Parameter::text) {
            self.is_free(&path.written(), &mut section);
            section.set("route_path", quoted(&path.written()));
        }
        if guarded::serves_documents(parms, name) {
            return self.documents_ask(parms, &parameters);
        }
        self.auth_of(name, parms, &parameters, &mut section);
        for (parameter, value) in &parameters {
            if OURS.contains(&parameter.as_str()) {
                if matches!(parameter.as_str(), "enabled" | "limits" | "cors") {
                    let why = format!("`{parameter}` means something else in [plugins.NAME]");
                    self.leave("plugin_parms", parms, &why);
                }
                continue;
            }
            if let Some(written) = self.setting(name, parameter, value) {
                section.set(parameter, written);
            } else {
                let why = format!("`{parameter}` holds null, which TOML has not");
                self.leave("plugin_parms", parms, &why);
            }
        }
        self.sections.push(section);
    }

    /// A parameter as it stands among the settings of a script.
    fn setting(&mut self, plugin: &str, name: &str, value: &Parameter) -> Option<String> {
        let mut keep = |name: &str, text: &Text| {
            is_secret(name, text).then(|| self.secret(&format!("PSERVE_{plugin}_{name}"), text))
        };
        value.toml(name, &mut keep)
    }

    /// The key that the plugin asks for.
    fn auth_of(
        &mut self,
        name: &str,
        parms: &str,
        parameters: &BTreeMap<String, Parameter>,
        section: &mut Section,
    ) {
        let said = |key: &str| parameters.get(key).and_then(Parameter::text);
        let auth_type = said("auth_type").map(|text| text.written().to_lowercase());
        let apikey = said("apikey");
        match auth_type.as_deref() {
            Some(kind @ ("global" | "plugin")) => section.set("auth", quoted(kind)),
            Some(_) => {
                let why = "its auth_type is neither global nor plugin, which asks for no key";
                self.leave("plugin_parms", parms, why);
            }
            // The examples of pserve's documentation say `auth=`, which its code does not read.
            None => {
                if let Some(kind) = said("auth").map(|text| text.written().to_lowercase())
                    && matches!(kind.as_str(), "global" | "plugin")
                {
                    section.set("auth", quoted(&kind));
                    let text = format!(
                        "{name} says auth={kind}: pserve reads only auth_type and asks for no key; here it is asked for"
                    );
                    self.note(section, &text);
                }
            }
        }
        if let Some(apikey) = apikey {
            let written = self.secret(&format!("PSERVE_{name}_APIKEY"), &apikey);
            section.set("apikey", written);
        }
    }
}
