//! The plugin that serves documents there: here folders of documents do, and ask for its key.

use std::collections::BTreeMap;

use super::Carried;
use crate::pserve::{
    parameters::Parameter,
    value::Text,
    write::{Section, quoted},
};

/// What documents ask for.
#[derive(Debug, Default)]
pub(super) struct Asked {
    asks: bool,
    /// A key of their own.
    apikey: Option<Text>,
}

/// Whether a plugin is the one that serves documents: by its file, or by its class.
pub(super) fn serves_documents(file: &str, class: &str) -> bool {
    file == "fileserve" || class == "servefiles"
}

impl Carried<'_> {
    /// Notes what the parameters of that plugin ask of its callers, and names what has no meaning here.
    pub(super) fn documents_ask(&mut self, parms: &str, parameters: &BTreeMap<String, Parameter>) {
        let said = |key: &str| parameters.get(key).and_then(Parameter::text);
        match said("auth_type").map(|text| text.written().to_lowercase()).as_deref() {
            Some("global") => self.documents = Asked { asks: true, apikey: None },
            Some("plugin") => self.documents = Asked { asks: true, apikey: said("apikey") },
            Some(_) => {
                let why = "its auth_type is neither global nor plugin, which asks for no key";
                self.leave("plugin_parms", parms, why);
            }
            // As with plugins: what is meant, not what pserve reads.
            None => match said("auth").map(|text| text.written().to_lowercase()).as_deref() {
                Some(kind @ ("global" | "plugin")) => {
                    let apikey = if kind == "plugin" { said("apikey") } else { None };
                    self.documents = Asked { asks: true, apikey };
                    let why = "`auth`: pserve reads only auth_type and asks for no key; here it is asked for";
                    self.leave("plugin_parms", parms, why);
                }
                Some(_) => self.leave("plugin_parms", parms, "`auth`: pserve reads only auth_type"),
                None => {}
            },
        }
        for name in parameters
            .keys()
            .filter(|name| !matches!(name.as_str(), "auth" | "auth_type" | "apikey"))
        {
            let why = format!("`{name}`: documents are served without a plugin");
            self.leave("plugin_parms", parms, &why);
        }
    }

    /// Lets a folder of documents ask for what that plugin asked for.
    pub(super) fn guard(&mut self, mount: &mut Section) {
        let Asked { asks, apikey } = std::mem::take(&mut self.documents);
        if !asks {
            return;
        }
        mount.set("auth", quoted("global"));
        let Some(apikey) = apikey else { return };
        self.note(mount, "the global key opens the documents as well as their own key does");
        let mut section = Section::new("[auth.keys.documents]");
        let written = self.secret("PSERVE_DOCUMENTS_APIKEY", &apikey);
        section.set("key", written);
        section.set("scopes", "[\"documents\"]");
        self.sections.push(section);
    }
}
