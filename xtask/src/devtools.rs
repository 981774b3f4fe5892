//! The Chrome DevTools Protocol over the browser's own pipe (`--remote-debugging-pipe`): JSON messages
//! that end with a zero byte, commands in on file descriptor 3, answers and events out on 4. No port is
//! opened and no driver stands between; workers are reached as easily as the page.

use anyhow::{Context, Result, anyhow, bail};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// How long a command may take to be answered; generous, for machines that are busy building.
const PATIENCE: Duration = Duration::from_secs(120);

/// Lines of the browser's own output shown when it ends by itself.
const LAST_LINES: usize = 30;

/// Something that happened.
#[derive(Debug, Clone)]
pub struct Event {
    /// The page's or worker's session; `None` for the browser's own.
    pub session: Option<String>,
    /// Name, e.g. `Runtime.consoleAPICalled`.
    pub method: String,
    /// See the protocol's documentation.
    pub params: Value,
}

/// A running browser and the pipe to it. Ends the browser when dropped.
pub struct Connection {
    child: Child,
    input: ChildStdin,
    messages: Receiver<Value>,
    last_id: u64,
    events: VecDeque<Event>,
    log: PathBuf,
}

impl Connection {
    /// Starts `program` with `arguments`; its messages to the terminal go to the file `log`.
    pub fn start(program: &Path, arguments: &[String], log: &Path) -> Result<Self> {
        // The shell gives the browser our pipes as descriptors 3 and 4, and becomes the browser.
        let mut child = Command::new("sh")
            .args([
                "-c",
                r#"log="$1"; shift; exec "$0" "$@" 3<&0 4>&1 </dev/null >"$log" 2>&1"#,
            ])
            .arg(program)
            .arg(log)
            .arg("--remote-debugging-pipe")
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("{} did not start", program.display()))?;
        let input = child.stdin.take().expect("stdin is piped");
        let output = child.stdout.take().expect("stdout is piped");
        let (sender, messages) = channel();
        std::thread::spawn(move || {
            for message in BufReader::new(output).split(0) {
                let Ok(message) = message else { return };
                let Ok(message) = serde_json::from_slice(&message) else {
                    return;
                };
                if sender.send(message).is_err() {
                    return;
                }
            }
        });
        Ok(Self {
            child,
            input,
            messages,
            last_id: 0,
            events: VecDeque::new(),
            log: log.to_owned(),
        })
    }

    /// Sends a command without waiting; returns its number.
    pub fn send(&mut self, session: Option<&str>, method: &str, params: Value) -> Result<u64> {
        self.last_id += 1;
        let mut message = json!({ "id": self.last_id, "method": method, "params": params });
        if let Some(session) = session {
            message["sessionId"] = session.into();
        }
        let mut bytes = serde_json::to_vec(&message)?;
        bytes.push(0);
        self.input
            .write_all(&bytes)
            .context("the browser has gone")?;
        Ok(self.last_id)
    }

    /// Sends a command and returns its result; events that arrive meanwhile are kept.
    pub fn call(&mut self, session: Option<&str>, method: &str, params: Value) -> Result<Value> {
        let id = self.send(session, method, params)?;
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let Some(mut message) = self.receive(left)? else {
                bail!("the browser did not answer {method}");
            };
            if message["id"] == id {
                if let Some(error) = message.get("error") {
                    bail!("{method}: {}", error["message"].as_str().unwrap_or("?"));
                }
                return Ok(message["result"].take());
            }
            self.keep(message);
        }
    }

    /// The next event, waiting up to `wait` for one.
    pub fn event(&mut self, wait: Duration) -> Result<Option<Event>> {
        let deadline = Instant::now() + wait;
        while self.events.is_empty() {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.receive(left)? {
                Some(message) => self.keep(message),
                None => return Ok(None),
            }
        }
        Ok(self.events.pop_front())
    }

    fn receive(&mut self, wait: Duration) -> Result<Option<Value>> {
        match self.messages.recv_timeout(wait) {
            Ok(message) => Ok(Some(message)),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => Err(self.ended()),
        }
    }

    /// The browser's last words.
    fn ended(&self) -> anyhow::Error {
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        let last = &lines[lines.len().saturating_sub(LAST_LINES)..];
        anyhow!("the browser ended; its last words:\n{}", last.join("\n"))
    }

    /// Keeps an event; answers of commands that nobody waits for are dropped.
    fn keep(&mut self, mut message: Value) {
        if let Some(method) = message["method"].as_str() {
            self.events.push_back(Event {
                session: message["sessionId"].as_str().map(str::to_owned),
                method: method.to_owned(),
                params: message["params"].take(),
            });
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // Asked first, so that its helper processes and files are gone before the profile folder is.
        let _ = self.send(None, "Browser.close", json!({}));
        let deadline = Instant::now() + Duration::from_secs(10);
        while Instant::now() < deadline {
            if matches!(self.child.try_wait(), Ok(Some(_))) {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
