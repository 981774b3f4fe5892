//! What the browser reported: console, errors, requests, downloads, file choosers.

use crate::devtools::Event;
use serde_json::Value;
use std::fmt;

/// Reports of the page and of its workers.
#[derive(Debug, Default)]
pub struct Record {
    /// Errors on the console, uncaught exceptions, failed loads.
    pub errors: Vec<String>,
    /// Everything else on the console.
    pub console: Vec<String>,
    /// Addresses requested.
    pub requests: Vec<String>,
    /// Names of finished downloads.
    pub downloads: Vec<String>,
    /// The file input whose chooser was opened last.
    pub(super) chooser: Option<Value>,
    begun: Vec<(Value, String)>,
    crashed: bool,
}

impl Record {
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Why waiting any longer is in vain, if it is.
    pub(super) fn broken(&self) -> Option<&'static str> {
        self.crashed.then_some("the tab crashed")
    }

    pub(super) fn take(&mut self, event: Event) {
        let Event { method, params, .. } = event;
        match method.as_str() {
            "Runtime.consoleAPICalled" => self.said(&params),
            "Runtime.exceptionThrown" => self.errors.push(exception(&params["exceptionDetails"])),
            "Log.entryAdded" => {
                let entry = &params["entry"];
                let line = format!("{} {}", word(&entry["text"]), word(&entry["url"]));
                match entry["level"].as_str() {
                    Some("error") => self.errors.push(line),
                    _ => self.console.push(line),
                }
            }
            "Network.requestWillBeSent" => self.requests.push(word(&params["request"]["url"])),
            "Page.fileChooserOpened" => self.chooser = Some(params["backendNodeId"].clone()),
            "Browser.downloadWillBegin" => self
                .begun
                .push((params["guid"].clone(), word(&params["suggestedFilename"]))),
            "Browser.downloadProgress" if params["state"] == "completed" => {
                let begun = self.begun.iter().find(|(id, _)| *id == params["guid"]);
                self.downloads.extend(begun.map(|(_, name)| name.clone()));
            }
            "Inspector.targetCrashed" => self.crashed = true,
            _ => {}
        }
    }

    fn said(&mut self, params: &Value) {
        let words: Vec<String> = params["args"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|argument| match argument.get("value") {
                Some(value) => word(value),
                None => word(&argument["description"]),
            })
            .collect();
        match params["type"].as_str() {
            Some("error" | "assert") => self.errors.push(words.join(" ")),
            _ => self.console.push(words.join(" ")),
        }
    }
}

/// A string without its quotes, anything else as JSON.
fn word(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

fn exception(details: &Value) -> String {
    let what = &details["exception"]["description"];
    let line = if what.is_null() {
        &details["text"]
    } else {
        what
    };
    format!("uncaught: {} {}", word(line), word(&details["url"]))
}

impl fmt::Display for Record {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "errors:")?;
        for line in &self.errors {
            writeln!(out, "  {line}")?;
        }
        writeln!(out, "--- console (last 20):")?;
        for line in self.console.iter().rev().take(20).rev() {
            writeln!(out, "  {line}")?;
        }
        Ok(())
    }
}
