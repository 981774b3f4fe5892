//! Looks beside the page for shipped networks and for the recorded run.

use super::app::Page;
use super::dom::{document, message, window};
use super::{controls, lifecycle, picture};
use crate::protocol::{Command, Level};
use crate::report::shipped::{INDEX_FILE, Index, RECORDED_FILE, Recorded};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::Response;

/// Look; the networks are built once it is known what there is.
pub fn look(page: &Page) {
    let page = page.clone();
    spawn_local(async move {
        let base = base();
        let index = match text(&format!("{base}{INDEX_FILE}")).await {
            Some(json) => match Index::from_json(&json) {
                Ok(index) => Some(index),
                Err(why) => {
                    page.say(
                        Level::Warning,
                        &format!("The shipped networks cannot be used: {base}{INDEX_FILE} cannot be read ({why}). The networks start from fresh weights."),
                    );
                    None
                }
            },
            None => None,
        };
        let command = {
            let mut state = page.state.borrow_mut();
            state.shipment.known = true;
            state.shipment.index = index.filter(|index| !index.models.is_empty());
            state.shipment.base.clone_from(&base);
            state.begin()
        };
        controls::sync(&page);
        lifecycle::shipment_known(&page);
        page.draw();
        if let Command::ConfigureFrom { files, .. } = command {
            let json = text(&format!("{base}{RECORDED_FILE}")).await;
            let recorded = json.and_then(|json| Recorded::from_json(&json).ok());
            // A recording of other networks would promise what these do not keep.
            if let Some(recorded) = recorded.filter(|one| one.files[0] == files[0].file) {
                let rgb = recorded.rgb().unwrap_or_default();
                page.state.borrow_mut().show_recorded(recorded);
                picture::example(&page, &rgb);
                page.draw();
            }
        }
    });
}

/// Absolute URL of the shipped networks' folder.
fn base() -> String {
    let page = document().base_uri().ok().flatten().unwrap_or_default();
    let folder = "./model/";
    web_sys::Url::new_with_base(folder, &page).map_or(folder.to_owned(), |url| url.href())
}

/// A text file beside the page, if it is there.
async fn text(url: &str) -> Option<String> {
    let read = async {
        let response: Response = JsFuture::from(window().fetch_with_str(url))
            .await?
            .dyn_into()?;
        if !response.ok() {
            return Ok(None);
        }
        let text = JsFuture::from(response.text()?).await?;
        Ok::<_, JsValue>(text.as_string())
    };
    match read.await {
        // Servers of single-page applications answer any address with their page.
        Ok(text) => text.filter(|text| !text.trim_start().starts_with('<')),
        Err(error) => {
            web_sys::console::warn_1(&format!("{url}: {}", message(&error)).into());
            None
        }
    }
}
