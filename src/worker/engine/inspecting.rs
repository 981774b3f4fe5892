//! A look inside the spiking network, on demand.

use super::Engine;
use crate::data::{batch::Batch, frame};
use crate::protocol::{Event, Inspection, Shown};
use crate::worker::host::now_ms;
use crate::worker::look::interleave;
use js_sys::Uint8Array;
use wasm_bindgen::JsValue;

impl Engine {
    /// The picture shown, planar RGB; nothing where there is no such held-out image.
    pub(super) fn planar(
        &self,
        shown: Shown,
        payload: &JsValue,
    ) -> Result<Option<Vec<u8>>, String> {
        match shown {
            Shown::HeldOut { index } => {
                let set = self.data.as_ref().map(|data| &data.held_out);
                let set = set.filter(|set| index < set.len());
                Ok(set.map(|set| set.image(index).to_vec()))
            }
            Shown::Pixels { width, height } => {
                let rgba = Uint8Array::new(payload).to_vec();
                frame::rgba_to_image(&rgba, width as usize, height as usize)
                    .map(|image| Some(image.to_vec()))
                    .map_err(|error| error.to_string())
            }
        }
    }

    pub(super) async fn inspect(&self, picture: Shown, payload: &JsValue) {
        let planar = match self.planar(picture, payload) {
            Ok(Some(planar)) => planar,
            Ok(None) => return,
            Err(text) => return self.host.warn(text),
        };
        let Some(twins) = &self.twins else { return };
        let start = now_ms();
        let batch = Batch {
            images: crate::data::batch::to_unit(&planar),
            labels: vec![0],
            mix: None,
            size: 1,
        };
        match twins.spiking.inspect(&batch).await {
            Ok(inside) => {
                let activity = inside.counts.activity();
                let event = Event::Inspected(Inspection {
                    step: twins.spiking.steps_made(),
                    ms: now_ms() - start,
                    bits: inside.bits,
                    activity,
                    layers: inside.samples,
                    windows: inside.windows,
                });
                self.host.send_with(&event, &interleave(&planar));
            }
            Err(error) => self.host.send(&Event::Fatal {
                text: error.to_string(),
            }),
        }
    }
}
