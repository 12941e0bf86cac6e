//! `hotplate openapi`: the document, and how it stands to what was accepted.

use std::{path::Path, process::ExitCode};

use serde_json::json;

use super::{Failure, arguments::OpenApi, print};
use crate::{
    app::{Hotplate, StartError, check},
    openapi::{
        Format, contract,
        diff::{Change, Severity},
    },
};

/// Breaking changes were found.
const BREAKING: u8 = 1;

/// Does what the command line says.
pub(super) fn run(options: &OpenApi) -> Result<ExitCode, Failure> {
    if let Some([old, new]) = options.diff.as_deref() {
        let changes = check::compare_files(Path::new(old), Path::new(new))?;
        return Ok(list(&changes, options.format));
    }
    let unpublished = Hotplate::builder().sources(options.project.sources()?).check()?;
    let faults = unpublished.faults();
    if !faults.is_empty() {
        // A document without what does not load would be another one than is meant.
        return Err(StartError::Faults(faults).into());
    }
    if options.check {
        return Ok(list(&unpublished.compare()?, options.format));
    }
    if options.accept {
        match unpublished.accept()? {
            check::Before::Accepted(changes) => {
                list(&changes, options.format);
            }
            check::Before::Nothing => print("nothing was accepted before\n"),
            check::Before::Unreadable(why) => {
                print(&format!("what was accepted before cannot be compared: {why}\n"));
            }
        }
        print("openapi/contract.json holds what is accepted now\n");
        return Ok(ExitCode::SUCCESS);
    }
    print(&unpublished.document(options.format.unwrap_or(Format::Json))?);
    Ok(ExitCode::SUCCESS)
}

/// Prints changes, as sentences unless a format is asked for, and gives what the program ends with.
fn list(changes: &[Change], format: Option<Format>) -> ExitCode {
    let count = |severity| changes.iter().filter(|change| change.severity == severity).count();
    let counts = [
        ("breaking", count(Severity::Breaking)),
        ("compatible", count(Severity::Compatible)),
        ("cosmetic", count(Severity::Cosmetic)),
    ];
    let mut sorted: Vec<&Change> = changes.iter().collect();
    sorted.sort_by_key(|change| std::cmp::Reverse(change.severity));
    match format {
        None => {
            let mut text = String::new();
            for change in &sorted {
                text.extend([change.message.as_str(), " (", &change.rule_name(), ")\n"]);
            }
            let counts: Vec<String> =
                counts.iter().map(|(name, count)| format!("{count} {name}")).collect();
            print(&format!("{text}{}\n", counts.join(", ")));
        }
        Some(format) => {
            let [breaking, compatible, cosmetic] = counts.map(|(_, count)| count);
            let value = json!({
                "breaking": breaking,
                "compatible": compatible,
                "cosmetic": cosmetic,
                "changes": sorted,
            });
            print(&contract::written(&value, format));
        }
    }
    match count(Severity::Breaking) {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::from(BREAKING),
    }
}
