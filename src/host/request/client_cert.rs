//! The certificate that a client showed.

use rhai::{Array, Dynamic, Map};

/// What the certificate says that a client showed when its connection began.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ClientCert {
    /// Whose it is: `CN=alice,O=Example`.
    pub(crate) subject: String,
    /// Who says so.
    pub(crate) issuer: String,
    /// Its number, in hexadecimal.
    pub(crate) serial: String,
    /// When it ends, as RFC 3339 has it.
    pub(crate) not_after: String,
    /// Its other names, each with its kind: `DNS:a.example.org`, `email:a@example.org`.
    pub(crate) san: Vec<String>,
}

impl ClientCert {
    /// It as a script sees it.
    pub(super) fn to_map(&self) -> Map {
        let san: Array = self.san.iter().map(|name| name.as_str().into()).collect();
        let members: [(&str, Dynamic); 5] = [
            ("subject", self.subject.as_str().into()),
            ("issuer", self.issuer.as_str().into()),
            ("serial", self.serial.as_str().into()),
            ("not_after", self.not_after.as_str().into()),
            ("san", san.into()),
        ];
        members.into_iter().map(|(name, value)| (name.into(), value)).collect()
    }
}
