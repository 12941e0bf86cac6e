//! How much may be made up.

use serde_json::Value;

/// What is made up may take so much, however much a schema asks for.
#[derive(Debug)]
pub(crate) struct Allowance {
    values: usize,
    bytes: usize,
}

impl Allowance {
    /// The most values of one example, what was tried for it included.
    const VALUES: usize = 10_000;

    /// The most bytes of texts and names in it.
    const BYTES: usize = 1 << 20;

    /// Takes one value; false if it is more than is left, and then nothing is left.
    pub(super) fn take_value(&mut self) -> bool {
        self.values = self.values.saturating_sub(1);
        self.values > 0
    }

    /// Takes so many bytes; false if that is more than is left, and then nothing is left.
    pub(super) fn take_bytes(&mut self, bytes: usize) -> bool {
        self.bytes = self.bytes.saturating_sub(bytes);
        if self.bytes == 0 {
            self.values = 0;
        }
        self.values > 0
    }

    /// Takes what a value is made of.
    pub(super) fn take_all(&mut self, value: &Value) -> bool {
        let mut left = vec![value];
        while let Some(value) = left.pop() {
            let bytes = match value {
                Value::String(text) => text.len(),
                Value::Object(fields) => fields.keys().map(String::len).sum(),
                _ => 0,
            };
            if !self.take_value() || !self.take_bytes(bytes) {
                return false;
            }
            match value {
                Value::Array(items) => left.extend(items),
                Value::Object(fields) => left.extend(fields.values()),
                _ => {}
            }
        }
        true
    }

    /// Whether nothing is left.
    pub(super) fn is_spent(&self) -> bool {
        self.values == 0
    }

    /// Whether half of it is gone: what may be left out is left out then.
    pub(super) fn is_low(&self) -> bool {
        self.values < Self::VALUES / 2 || self.bytes < Self::BYTES / 2
    }
}

impl Default for Allowance {
    fn default() -> Self {
        Self { values: Self::VALUES, bytes: Self::BYTES }
    }
}
