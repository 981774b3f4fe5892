//! The picture shown to the networks: a held-out image, a file, or the camera's frame.

use super::app::Page;
use super::dom::{by_id, document, message, now, on_click, set_attribute};
use super::words::Camera;
use crate::protocol::{Command, Level, Shown};
use js_sys::Uint8ClampedArray;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{
    CanvasRenderingContext2d, File, HtmlCanvasElement, HtmlElement, HtmlImageElement,
    HtmlVideoElement, ImageData,
};

/// Longest side, in pixels, of what is sent to the worker; it averages down to 32 from there.
pub const SIDE: u32 = 256;
/// After this many milliseconds an unanswered picture no longer holds up the next one.
const PATIENCE_MS: f64 = 20_000.0;

/// Where the picture comes from.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Source {
    /// Nothing chosen yet.
    #[default]
    None,
    /// A held-out image of the data set.
    HeldOut(usize),
    /// The page's own picture, as [`Source::File`].
    Example(Vec<u8>),
    /// A file: its centre, [`SIDE`]×[`SIDE`] RGBA.
    File(Vec<u8>),
    /// The camera.
    Camera,
    /// The camera's last frame, as [`Source::File`].
    Still(Vec<u8>),
}

/// The picture shown and the question that is out about it.
#[derive(Debug, Default)]
pub struct Pictures {
    /// Where from.
    pub source: Source,
    next_id: u64,
    pending: Option<(u64, f64)>,
    /// The last frame sent from the camera.
    frame: Vec<u8>,
    /// Something changed while an answer was awaited: ask once more.
    repeat: bool,
}

impl Pictures {
    /// Whether an answer is awaited.
    pub fn busy(&self) -> bool {
        self.pending
            .is_some_and(|(_, since)| now() - since < PATIENCE_MS)
    }

    /// The picture shown, as a worker takes it, with its pixels where the worker does not have them.
    pub fn shown(&self) -> Option<(Shown, Option<Uint8ClampedArray>)> {
        let pixels = match &self.source {
            Source::None => return None,
            Source::HeldOut(index) => return Some((Shown::HeldOut { index: *index }, None)),
            Source::File(pixels) | Source::Example(pixels) | Source::Still(pixels) => pixels,
            Source::Camera => &self.frame,
        };
        let shown = Shown::Pixels {
            width: SIDE,
            height: SIDE,
        };
        let pixels = Some(pixels).filter(|pixels| !pixels.is_empty())?;
        Some((shown, Some(Uint8ClampedArray::from(pixels.as_slice()))))
    }

    fn question(&mut self) -> u64 {
        self.next_id += 1;
        self.pending = Some((self.next_id, now()));
        self.next_id
    }
}

/// Listen to Open image.
pub fn connect() {
    let frame: HtmlElement = by_id("frame");
    set_attribute(&frame, "data-source", "none");
    on_click("open-image", || by_id::<HtmlElement>("image-file").click());
}

/// Ask about a held-out image and show it.
pub fn held_out(page: &Page, index: usize) {
    choose(page, Source::HeldOut(index));
    again(page);
}

/// Show the page's own picture, 32×32 RGB, if nothing else is shown.
pub fn example(page: &Page, rgb: &[u8]) {
    const TIMES: usize = SIDE as usize / 32;
    // The first held-out image may have come in between; nobody chose it.
    if !matches!(
        page.pictures.borrow().source,
        Source::None | Source::HeldOut(0)
    ) {
        return;
    }
    // Each pixel as a square, which the worker averages back to the very same pixel.
    let pixels = (0..SIDE as usize).flat_map(|y| {
        (0..SIDE as usize).flat_map(move |x| {
            let at = (y / TIMES * 32 + x / TIMES) * 3;
            [rgb[at], rgb[at + 1], rgb[at + 2], 255]
        })
    });
    choose(page, Source::Example(pixels.collect()));
    again(page);
}

/// Show a picture from a file and ask about it.
pub fn open(page: &Page, file: File) {
    let page = page.clone();
    spawn_local(async move {
        match pixels_of(&file).await {
            Ok(pixels) => {
                choose(&page, Source::File(pixels));
                again(&page);
            }
            Err(error) => page.say(
                Level::Warning,
                &format!(
                    "{} cannot be read as a picture ({}). PNG, JPEG and WebP work in every browser.",
                    file.name(),
                    message(&error)
                ),
            ),
        }
    });
}

/// Ask again about the picture shown: the networks have changed.
pub fn again(page: &Page) {
    if !page.state.borrow().can_look() {
        return;
    }
    let mut pictures = page.pictures.borrow_mut();
    if pictures.busy() {
        pictures.repeat = true;
        return;
    }
    match pictures.source.clone() {
        Source::None | Source::Camera => {}
        Source::HeldOut(index) => {
            let id = pictures.question();
            page.send(Command::ClassifyHeldOut { id, index });
        }
        Source::File(pixels) | Source::Example(pixels) | Source::Still(pixels) => {
            let id = pictures.question();
            ask(page, id, &Uint8ClampedArray::from(pixels.as_slice()));
        }
    }
}

/// Ask about one camera frame, unless an answer is still awaited.
pub fn frame(page: &Page, video: &HtmlVideoElement) {
    let mut pictures = page.pictures.borrow_mut();
    if pictures.busy() || !page.state.borrow().can_look() {
        return;
    }
    if let Some(pixels) = grab(video) {
        let id = pictures.question();
        pictures.frame = pixels;
        ask(
            page,
            id,
            &Uint8ClampedArray::from(pictures.frame.as_slice()),
        );
    }
}

/// The centre of what a video shows, [`SIDE`]×[`SIDE`] RGBA; nothing before its first frame.
pub fn grab(video: &HtmlVideoElement) -> Option<Vec<u8>> {
    let (width, height) = (
        f64::from(video.video_width()),
        f64::from(video.video_height()),
    );
    let context = scratch().filter(|_| width > 0.0 && height > 0.0)?;
    let side = width.min(height);
    let edge = f64::from(SIDE);
    let drawn = context
        .draw_image_with_html_video_element_and_sw_and_sh_and_dx_and_dy_and_dw_and_dh(
            video,
            (width - side) / 2.0,
            (height - side) / 2.0,
            side,
            side,
            0.0,
            0.0,
            edge,
            edge,
        );
    let read = drawn.and_then(|()| context.get_image_data(0.0, 0.0, edge, edge));
    read.ok().map(|data| data.data().0)
}

/// The camera is off: its last frame stays the picture shown.
pub fn keep_frame(page: &Page) {
    let still = {
        let mut pictures = page.pictures.borrow_mut();
        if pictures.source != Source::Camera {
            return;
        }
        match std::mem::take(&mut pictures.frame) {
            frame if frame.is_empty() => Source::None,
            frame => Source::Still(frame),
        }
    };
    choose(page, still);
    again(page);
}

/// Whether this answer is to the question that is out.
pub fn answered(page: &Page, id: u64) -> bool {
    let repeat = {
        let mut pictures = page.pictures.borrow_mut();
        match pictures.pending {
            Some((pending, _)) if pending == id => {}
            _ => return false,
        }
        pictures.pending = None;
        std::mem::take(&mut pictures.repeat)
    };
    if repeat {
        again(page);
    }
    true
}

/// After an answer: if it is about the page's own picture, it takes the recorded one's place.
pub fn live(page: &Page) {
    if matches!(page.pictures.borrow().source, Source::Example(_)) {
        page.state.borrow_mut().show_live();
    }
}

/// No answer will come: the engine is another one, or it refused.
pub fn forget_pending(page: &Page) {
    page.pictures.borrow_mut().pending = None;
}

/// Change the source; an answer to an earlier picture no longer counts.
pub fn choose(page: &Page, source: Source) {
    let name = match &source {
        Source::None => "none",
        Source::HeldOut(_) => "held-out",
        Source::File(_) | Source::Example(_) => "file",
        Source::Camera => "camera",
        Source::Still(_) => "file",
    };
    if source != Source::Camera && page.state.borrow().camera == Camera::Live {
        super::camera::stop(page, Camera::Idle);
    }
    set_attribute(&by_id::<HtmlElement>("frame"), "data-source", name);
    if let Source::File(pixels) | Source::Example(pixels) | Source::Still(pixels) = &source {
        paint(&by_id("picture"), pixels, SIDE);
    }
    {
        let mut pictures = page.pictures.borrow_mut();
        pictures.source = source;
        pictures.pending = None;
        pictures.repeat = false;
    }
    page.draw();
}

/// Paint square RGBA pixels on a canvas.
pub fn paint(canvas: &HtmlCanvasElement, rgba: &[u8], side: u32) {
    canvas.set_width(side);
    canvas.set_height(side);
    let data = ImageData::new_with_u8_clamped_array_and_sh(wasm_bindgen::Clamped(rgba), side, side);
    if let (Some(context), Ok(data)) = (context(canvas), data) {
        let _ = context.put_image_data(&data, 0.0, 0.0);
    }
}

/// RGB to RGBA.
pub fn opaque(rgb: &[u8]) -> Vec<u8> {
    rgb.chunks_exact(3)
        .flat_map(|pixel| [pixel[0], pixel[1], pixel[2], 255])
        .collect()
}

fn ask(page: &Page, id: u64, pixels: &Uint8ClampedArray) {
    let command = Command::Classify {
        id,
        width: SIDE,
        height: SIDE,
    };
    page.send_with(command, &pixels.buffer().into());
}

/// The centre of a picture file, [`SIDE`]×[`SIDE`] RGBA.
pub async fn pixels_of(file: &File) -> Result<Vec<u8>, JsValue> {
    // An <img> instead of createImageBitmap: it reads SVG too, and turns photographs upright.
    let url = web_sys::Url::create_object_url_with_blob(file)?;
    let image = HtmlImageElement::new()?;
    image.set_src(&url);
    let decoded = JsFuture::from(image.decode()).await;
    let _ = web_sys::Url::revoke_object_url(&url);
    decoded?;
    let (width, height) = (
        f64::from(image.natural_width()),
        f64::from(image.natural_height()),
    );
    if width < 1.0 || height < 1.0 {
        return Err("it has no size".into());
    }
    let context = scratch().ok_or("no canvas")?;
    let (side, edge) = (width.min(height), f64::from(SIDE));
    context.clear_rect(0.0, 0.0, edge, edge);
    context.set_image_smoothing_enabled(true);
    context.draw_image_with_html_image_element_and_sw_and_sh_and_dx_and_dy_and_dw_and_dh(
        &image,
        (width - side) / 2.0,
        (height - side) / 2.0,
        side,
        side,
        0.0,
        0.0,
        edge,
        edge,
    )?;
    Ok(context.get_image_data(0.0, 0.0, edge, edge)?.data().0)
}

fn context(canvas: &HtmlCanvasElement) -> Option<CanvasRenderingContext2d> {
    canvas.get_context("2d").ok().flatten()?.dyn_into().ok()
}

thread_local! {
    /// One canvas for reading pixels back, kept in main memory by the browser.
    static SCRATCH: Option<CanvasRenderingContext2d> = {
        let canvas: Option<HtmlCanvasElement> = document()
            .create_element("canvas")
            .ok()
            .and_then(|canvas| canvas.dyn_into().ok());
        canvas.and_then(|canvas| {
            canvas.set_width(SIDE);
            canvas.set_height(SIDE);
            let options = js_sys::Object::new();
            let _ = js_sys::Reflect::set(&options, &"willReadFrequently".into(), &true.into());
            canvas
                .get_context_with_context_options("2d", &options)
                .ok()
                .flatten()?
                .dyn_into()
                .ok()
        })
    };
}

fn scratch() -> Option<CanvasRenderingContext2d> {
    SCRATCH.with(Clone::clone)
}
