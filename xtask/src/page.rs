//! The page as a user meets it: buttons by their accessible name, figures by the name they are
//! published under, files through the file chooser, downloads on the disk.

mod act;
mod memory;
mod record;

pub use memory::{Held, WATCH_MEMORY};
pub use record::Record;

use crate::browser::{Browser, Options};
use anyhow::{Context, Result, anyhow, bail};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Between two looks at the page.
const BLINK: Duration = Duration::from_millis(150);

/// A tab that is not looked at now.
pub struct Tab(String);

/// One tab of a browser of its own; more with [`Page::another_tab`].
pub struct Page {
    /// The browser.
    pub browser: Browser,
    session: String,
    /// Session and script address of every worker met.
    workers: Vec<(String, String)>,
    record: Record,
}

impl Page {
    /// Starts a browser with an empty tab.
    pub fn open(options: &Options) -> Result<Self> {
        let mut page = Self {
            browser: Browser::launch(options)?,
            session: String::new(),
            workers: Vec::new(),
            record: Record::default(),
        };
        page.another_tab()?;
        Ok(page)
    }

    /// Opens another tab of the same browser and turns to it; the one before is returned, for [`Page::turn_to`].
    pub fn another_tab(&mut self) -> Result<Tab> {
        let connection = &mut self.browser.connection;
        let target =
            connection.call(None, "Target.createTarget", json!({ "url": "about:blank" }))?;
        let attached = connection.call(
            None,
            "Target.attachToTarget",
            json!({ "targetId": target["targetId"], "flatten": true }),
        )?;
        let session = attached["sessionId"]
            .as_str()
            .context("the tab has no session")?
            .to_owned();
        let before = self.of(Tab(session));
        for domain in ["Page", "Runtime", "Log", "Network", "DOM", "Inspector"] {
            self.call(&format!("{domain}.enable"), json!({}))?;
        }
        // Workers wait at their start until the record listens to them, so that nothing is missed.
        self.call(
            "Target.setAutoAttach",
            json!({ "autoAttach": true, "waitForDebuggerOnStart": true, "flatten": true }),
        )?;
        self.call(
            "Page.setInterceptFileChooserDialog",
            json!({ "enabled": true }),
        )?;
        Ok(before)
    }

    /// Turns to another tab and brings it to the front: one behind another draws nothing. The one before is returned.
    pub fn turn_to(&mut self, tab: Tab) -> Result<Tab> {
        let before = self.of(tab);
        self.call("Page.bringToFront", json!({}))?;
        Ok(before)
    }

    fn of(&mut self, tab: Tab) -> Tab {
        Tab(std::mem::replace(&mut self.session, tab.0))
    }

    /// Sends a command to the tab.
    pub fn call(&mut self, method: &str, params: Value) -> Result<Value> {
        let session = self.session.clone();
        self.browser.connection.call(Some(&session), method, params)
    }

    /// Goes to an address; [`Page::wait`] for what should be there.
    pub fn go(&mut self, url: &str) -> Result<()> {
        let answer = self.call("Page.navigate", json!({ "url": url }))?;
        match answer["errorText"].as_str() {
            Some(error) => bail!("{url} does not load: {error}"),
            None => Ok(()),
        }
    }

    /// Runs a script in every document of this tab before the document's own.
    pub fn before_load(&mut self, script: &str) -> Result<()> {
        self.call(
            "Page.addScriptToEvaluateOnNewDocument",
            json!({ "source": script }),
        )?;
        Ok(())
    }

    /// The value of a JavaScript expression; a promise is awaited.
    pub fn eval(&mut self, expression: &str) -> Result<Value> {
        let session = self.session.clone();
        self.eval_in(&session, expression)
    }

    /// The value of an expression in the worker started last from a script with this in its address.
    pub fn eval_in_worker(&mut self, script: &str, expression: &str) -> Result<Value> {
        let session = self.worker(script)?;
        self.eval_in(&session, expression)
    }

    /// The session of the worker started last from a script with this in its address.
    fn worker(&self, script: &str) -> Result<String> {
        let mut workers = self.workers.iter().rev();
        let found = workers.find(|(_, url)| url.contains(script));
        let (worker, _) = found.with_context(|| format!("no worker runs {script}"))?;
        Ok(worker.clone())
    }

    fn eval_in(&mut self, session: &str, expression: &str) -> Result<Value> {
        let mut answer = self.browser.connection.call(
            Some(session),
            "Runtime.evaluate",
            json!({ "expression": expression, "returnByValue": true, "awaitPromise": true }),
        )?;
        if let Some(thrown) = answer.get("exceptionDetails") {
            bail!("{expression} threw {thrown}");
        }
        Ok(answer["result"]["value"].take())
    }

    /// What was logged and requested since the last [`Page::forget`], by page and workers.
    pub fn record(&mut self) -> Result<&Record> {
        self.listen(Duration::ZERO)?;
        Ok(&self.record)
    }

    /// Empties the record.
    pub fn forget(&mut self) -> Result<()> {
        self.listen(Duration::ZERO)?;
        self.record.clear();
        Ok(())
    }

    /// Every figure of the page: name to raw number or word.
    pub fn metrics(&mut self) -> Result<BTreeMap<String, String>> {
        let found = self.eval(
            "Object.fromEntries([...document.querySelectorAll('[data-metric]')].reverse()\
             .filter(e => e.dataset.value !== undefined).map(e => [e.dataset.metric, e.dataset.value]))",
        )?;
        Ok(serde_json::from_value(found)?)
    }

    /// One figure; `None` if it is not there or empty.
    pub fn metric(&mut self, name: &str) -> Result<Option<String>> {
        Ok(self
            .metrics()?
            .remove(name)
            .filter(|value| !value.is_empty()))
    }

    /// One figure as a number.
    pub fn number(&mut self, name: &str) -> Result<f64> {
        let value = self
            .metric(name)?
            .with_context(|| format!("the page shows no {name}"))?;
        value
            .parse()
            .map_err(|_| anyhow!("{name} is {value:?}, not a number"))
    }

    /// The text a user sees: none while a page that was just asked for has no body yet.
    pub fn text(&mut self) -> Result<String> {
        let text = self.eval("document.body?.innerText ?? ''")?;
        Ok(text.as_str().unwrap_or_default().to_owned())
    }

    /// Looks again and again until `look` finds something; the error shows the page as it stands.
    pub fn wait<T>(
        &mut self,
        what: &str,
        patience: Duration,
        mut look: impl FnMut(&mut Self) -> Result<Option<T>>,
    ) -> Result<T> {
        let deadline = Instant::now() + patience;
        loop {
            self.listen(BLINK)?;
            if let Some(found) = look(self)? {
                return Ok(found);
            }
            if let Some(reason) = self.record.broken() {
                bail!("waiting for {what}: {reason}\n{}", self.describe());
            }
            if Instant::now() > deadline {
                bail!(
                    "waited {} s in vain for {what}\n{}",
                    patience.as_secs(),
                    self.describe()
                );
            }
        }
    }

    /// Waits until a figure satisfies `is`, and returns it.
    pub fn wait_metric(
        &mut self,
        name: &str,
        patience: Duration,
        is: impl Fn(&str) -> bool,
    ) -> Result<String> {
        self.wait(&format!("the figure {name}"), patience, |page| {
            Ok(page.metric(name)?.filter(|value| is(value)))
        })
    }

    /// Waits until a figure is a number that satisfies `is`, and returns it.
    pub fn wait_number(
        &mut self,
        name: &str,
        patience: Duration,
        is: impl Fn(f64) -> bool,
    ) -> Result<f64> {
        let value = self.wait_metric(name, patience, |value| value.parse().is_ok_and(&is))?;
        Ok(value.parse()?)
    }

    /// Waits until the visible text contains one of these, letters' case aside.
    pub fn wait_text(&mut self, any_of: &[&str], patience: Duration) -> Result<String> {
        self.wait(&format!("the words {any_of:?}"), patience, |page| {
            let text = page.text()?;
            let lower = text.to_lowercase();
            let found = any_of
                .iter()
                .any(|words| lower.contains(&words.to_lowercase()));
            Ok(found.then_some(text))
        })
    }

    /// The page in words, for a failed test.
    pub fn describe(&mut self) -> String {
        let metrics = self.metrics().unwrap_or_default();
        let figures: Vec<String> = metrics
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        format!(
            "--- figures: {}\n--- text:\n{}\n--- {}",
            figures.join(" "),
            self.text().unwrap_or_else(|error| error.to_string()),
            self.record
        )
    }

    /// Takes in what happened, for up to `wait`, and a little longer if events are queued. Not until the queue is
    /// empty: a page under load can send events as fast as they are read.
    fn listen(&mut self, wait: Duration) -> Result<()> {
        let deadline = Instant::now() + wait;
        while Instant::now() < deadline + Duration::from_secs(1) {
            let left = deadline.saturating_duration_since(Instant::now());
            let Some(event) = self.browser.connection.event(left)? else {
                return Ok(());
            };
            if event.method == "Target.attachedToTarget" {
                self.meet(&event.params)?;
            }
            // A service worker that a newer one replaces is reported as crashed; that is not the tab.
            let of_worker = self
                .workers
                .iter()
                .any(|(session, _)| event.session.as_ref() == Some(session));
            if !(of_worker && event.method == "Inspector.targetCrashed") {
                self.record.take(event);
            }
        }
        Ok(())
    }

    /// A worker started: listen to it, then let it run.
    fn meet(&mut self, params: &Value) -> Result<()> {
        let session = params["sessionId"].as_str();
        let script = self.browser.worker_script.clone();
        let connection = &mut self.browser.connection;
        for domain in ["Runtime", "Log", "Network"] {
            connection.send(session, &format!("{domain}.enable"), json!({}))?;
        }
        if let Some(script) = script {
            connection.send(session, "Runtime.evaluate", json!({ "expression": script }))?;
        }
        connection.send(session, "Runtime.runIfWaitingForDebugger", json!({}))?;
        let url = params["targetInfo"]["url"].as_str();
        if let (Some(session), Some(url)) = (session, url) {
            self.workers.push((session.to_owned(), url.to_owned()));
        }
        Ok(())
    }
}
