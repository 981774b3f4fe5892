//! What a user does.

use super::Page;
use anyhow::{Context, Result};
use base64::Engine;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long a control may take to become usable.
const PATIENCE: Duration = Duration::from_secs(60);

impl Page {
    /// Presses the button of this accessible name with the mouse, once it is there and enabled.
    pub fn press(&mut self, name: &str) -> Result<()> {
        let what = format!("the button {name:?} to be there, enabled and in reach");
        let (x, y) = self.wait(&what, PATIENCE, |page| match page.button(name)? {
            Some(button) if button.enabled => page.reach(button.node),
            _ => Ok(None),
        })?;
        for kind in ["mouseMoved", "mousePressed", "mouseReleased"] {
            self.call(
                "Input.dispatchMouseEvent",
                json!({ "type": kind, "x": x, "y": y, "button": "left", "clickCount": 1 }),
            )?;
        }
        Ok(())
    }

    /// Presses a key (`KeyboardEvent.key`) of the keyboard: one character, or one of the names below.
    pub fn key(&mut self, key: &str) -> Result<()> {
        let (code, text) = match key {
            "Tab" => (9, ""),
            "Enter" => (13, "\r"),
            "Escape" => (27, ""),
            " " => (32, " "),
            "." => (190, "."),
            "?" => (191, "?"),
            "Shift+Tab" => (9, ""),
            one => (
                u32::from(*one.to_uppercase().as_bytes().first().unwrap_or(&0)),
                one,
            ),
        };
        let shift = key == "?" || key.starts_with("Shift+");
        let name = key.strip_prefix("Shift+").unwrap_or(key);
        for kind in ["keyDown", "keyUp"] {
            let mut event = json!({
                "type": kind,
                "key": name,
                "windowsVirtualKeyCode": code,
                "modifiers": if shift { 8 } else { 0 },
            });
            if kind == "keyDown" && !text.is_empty() {
                event["text"] = text.into();
            }
            self.call("Input.dispatchKeyEvent", event)?;
        }
        Ok(())
    }

    /// Whether the button of this accessible name is offered, and enabled.
    pub fn offers(&mut self, name: &str) -> Result<bool> {
        Ok(self.button(name)?.is_some_and(|button| button.enabled))
    }

    /// Presses a button that opens a file chooser, and chooses this file.
    pub fn choose(&mut self, button: &str, file: &Path) -> Result<()> {
        self.choose_all(button, &[file.to_owned()])
    }

    /// The same with several files at once.
    pub fn choose_all(&mut self, button: &str, files: &[PathBuf]) -> Result<()> {
        self.record.chooser = None;
        self.press(button)?;
        let input = self.wait("a file chooser", PATIENCE, |page| {
            Ok(page.record.chooser.take())
        })?;
        self.call(
            "DOM.setFileInputFiles",
            json!({ "files": files, "backendNodeId": input }),
        )?;
        Ok(())
    }

    /// Presses a button that saves a file, and returns where it lies.
    pub fn download(&mut self, button: &str) -> Result<PathBuf> {
        let before = self.record()?.downloads.len();
        self.press(button)?;
        let name = self.wait("a download", PATIENCE, |page| {
            Ok(page.record.downloads.get(before).cloned())
        })?;
        Ok(self.browser.downloads().join(name))
    }

    /// Gives the tab this size in CSS pixels, and light or dark colours.
    pub fn look(&mut self, width: u32, height: u32, dark: bool) -> Result<()> {
        self.call(
            "Emulation.setDeviceMetricsOverride",
            json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600 }),
        )?;
        let scheme = if dark { "dark" } else { "light" };
        let features = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
        self.call(
            "Emulation.setEmulatedMedia",
            json!({ "features": features }),
        )?;
        Ok(())
    }

    /// The page as it prints, as a PDF.
    pub fn pdf(&mut self) -> Result<Vec<u8>> {
        let printed = self.call("Page.printToPDF", json!({ "preferCSSPageSize": true }))?;
        let data = printed["data"].as_str().context("a PDF has data")?;
        Ok(base64::engine::general_purpose::STANDARD.decode(data)?)
    }

    /// Writes a PNG of the whole page, as far down as it goes.
    pub fn screenshot(&mut self, path: &Path) -> Result<()> {
        let metrics = self.call("Page.getLayoutMetrics", json!({}))?;
        let size = &metrics["cssContentSize"];
        let clip =
            json!({ "x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1 });
        let shot = self.call(
            "Page.captureScreenshot",
            json!({ "format": "png", "captureBeyondViewport": true, "clip": clip }),
        )?;
        let data = shot["data"].as_str().context("a screenshot has data")?;
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        std::fs::write(
            path,
            base64::engine::general_purpose::STANDARD.decode(data)?,
        )?;
        Ok(())
    }

    fn button(&mut self, name: &str) -> Result<Option<Button>> {
        let document = self.call("DOM.getDocument", json!({ "depth": 0 }))?;
        let found = self.call(
            "Accessibility.queryAXTree",
            json!({
                "backendNodeId": document["root"]["backendNodeId"],
                "accessibleName": name,
                "role": "button",
            }),
        )?;
        let Some(node) = found["nodes"]
            .as_array()
            .into_iter()
            .flatten()
            .find(|node| node["ignored"] != true)
        else {
            return Ok(None);
        };
        let disabled = node["properties"]
            .as_array()
            .into_iter()
            .flatten()
            .any(|property| property["name"] == "disabled" && property["value"]["value"] == true);
        Ok(Some(Button {
            node: node["backendDOMNodeId"].clone(),
            enabled: !disabled,
        }))
    }

    /// Scrolls a node to the middle of the view, where a visitor would look at it; the point to click, or nothing
    /// while something covers it.
    fn reach(&mut self, node: Value) -> Result<Option<(f64, f64)>> {
        let resolved = self.call("DOM.resolveNode", json!({ "backendNodeId": node }));
        // The page may have replaced or hidden it since; the next look finds it again.
        let Ok(resolved) = resolved else {
            return Ok(None);
        };
        // Where it lies, if it still lies there two frames later: a page that just grew moves what is on it, and a
        // press would hit something else. A hidden page draws no frames.
        let script = "async function () { \
                      this.scrollIntoView({ block: 'center', behavior: 'instant' }); \
                      const place = () => { const r = this.getBoundingClientRect(); \
                        return [r.x + r.width / 2, r.y + r.height / 2]; }; \
                      const before = place(); \
                      const frame = done => requestAnimationFrame(() => requestAnimationFrame(done)); \
                      await Promise.race([new Promise(frame), new Promise(done => setTimeout(done, 100))]); \
                      const [x, y] = place(); \
                      const top = document.elementFromPoint(x, y); \
                      const still = x === before[0] && y === before[1]; \
                      return still && top && (this === top || this.contains(top)) ? [x, y] : null; }";
        let answer = self.call(
            "Runtime.callFunctionOn",
            json!({
                "functionDeclaration": script,
                "objectId": resolved["object"]["objectId"],
                "returnByValue": true,
                "awaitPromise": true,
            }),
        )?;
        let point = &answer["result"]["value"];
        Ok(point[0].as_f64().zip(point[1].as_f64()))
    }
}

struct Button {
    node: Value,
    enabled: bool,
}
