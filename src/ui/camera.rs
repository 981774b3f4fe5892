//! The camera: asked for on a click only, stopped on Stop, on leaving and on hiding.

use super::app::Page;
use super::dom::{
    append, by_id, clear, document, has_focus, make, next_frame, now, on, on_click, set_attribute,
    window,
};
use super::picture::{self, Source};
use super::words::Camera;
use js_sys::{Object, Reflect};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{
    Element, Event, HtmlElement, HtmlSelectElement, HtmlVideoElement, MediaDeviceInfo,
    MediaDevices, MediaStream, MediaStreamConstraints, MediaStreamTrack,
};

/// Milliseconds between two frames sent: twelve a second are enough to feel live.
const INTERVAL_MS: f64 = 80.0;

/// The stream in use.
#[derive(Debug, Default)]
pub struct Device {
    stream: Option<MediaStream>,
    /// Counts the starts, so that a late permission or frame loop of an earlier one is told apart.
    attempt: u32,
    last_frame: f64,
}

/// Listen to the camera's buttons and to everything that must stop it.
pub fn connect(page: &Page) {
    // A phone's better camera is at its back; a computer's only one looks at the visitor.
    let touch = window().match_media("(pointer: coarse)").ok().flatten();
    if !touch.is_some_and(|touch| touch.matches()) {
        by_id::<HtmlSelectElement>("camera-choice").set_value("user");
    }
    let own = page.clone();
    on_click("start-camera", move || start(&own));
    let own = page.clone();
    on_click("stop-camera", move || stop(&own, Camera::Idle));
    let own = page.clone();
    on(
        &by_id::<HtmlSelectElement>("camera-choice"),
        "change",
        move |_: Event| {
            if own.state.borrow().camera == Camera::Live {
                start(&own);
            }
        },
    );
    let own = page.clone();
    on(&window(), "pagehide", move |_: Event| {
        stop(&own, Camera::Hidden)
    });
    let own = page.clone();
    on(&document(), "visibilitychange", move |_: Event| {
        if document().hidden() && own.state.borrow().camera == Camera::Live {
            stop(&own, Camera::Hidden);
        }
        own.draw();
    });
}

/// Ask for the camera and start looking.
pub fn start(page: &Page) {
    release(page);
    let attempt = page.camera.borrow().attempt;
    let Some(devices) = devices() else {
        return enter(page, Camera::Insecure);
    };
    enter(page, Camera::Asking);
    let page = page.clone();
    spawn_local(async move {
        let opened = open(&devices).await;
        let stale = page.camera.borrow().attempt != attempt;
        match opened {
            Ok(stream) if stale => stop_tracks(&stream),
            Ok(stream) => live(&page, stream, &devices).await,
            Err(_) if stale => {}
            Err(error) => enter(&page, Camera::from_error(&name_of(&error))),
        }
    });
}

/// Stop the camera; the state says why.
pub fn stop(page: &Page, why: Camera) {
    let was = page.state.borrow().camera;
    release(page);
    if matches!(was, Camera::Live | Camera::Asking) {
        enter(page, why);
    }
}

/// Let go of the stream, without a word.
fn release(page: &Page) {
    let stream = {
        let mut device = page.camera.borrow_mut();
        device.attempt += 1;
        device.stream.take()
    };
    if let Some(stream) = stream {
        stop_tracks(&stream);
        by_id::<HtmlVideoElement>("video").set_src_object(None);
    }
}

fn enter(page: &Page, state: Camera) {
    page.state.borrow_mut().camera = state;
    // Start and Stop stand in the same place; the focus goes on with the one that is there.
    let (start, stop): (HtmlElement, HtmlElement) = (by_id("start-camera"), by_id("stop-camera"));
    let running = matches!(state, Camera::Live | Camera::Asking);
    let (gone, shown) = if running {
        (start, stop)
    } else {
        (stop, start)
    };
    let focused = has_focus(&gone);
    super::dom::show(&shown, true);
    super::dom::show(&gone, false);
    if focused {
        let _ = shown.focus();
    }
    if !running {
        picture::keep_frame(page);
    }
    page.draw();
}

async fn open(devices: &MediaDevices) -> Result<MediaStream, JsValue> {
    let wish = Object::new();
    let ideal = |value: JsValue| -> Result<JsValue, JsValue> {
        let wish = Object::new();
        Reflect::set(&wish, &"ideal".into(), &value)?;
        Ok(wish.into())
    };
    Reflect::set(&wish, &"width".into(), &ideal(640.into())?)?;
    Reflect::set(&wish, &"height".into(), &ideal(480.into())?)?;
    let choice = by_id::<HtmlSelectElement>("camera-choice").value();
    match choice.as_str() {
        // Ideal, not exact: a laptop has no back camera, and its only one is better than none.
        "environment" | "user" => {
            Reflect::set(&wish, &"facingMode".into(), &ideal(choice.into())?)?;
        }
        id => {
            let exact = Object::new();
            Reflect::set(&exact, &"exact".into(), &id.into())?;
            Reflect::set(&wish, &"deviceId".into(), &exact)?;
        }
    }
    let constraints = MediaStreamConstraints::new();
    constraints.set_video(&wish);
    constraints.set_audio(&JsValue::FALSE);
    let stream = JsFuture::from(devices.get_user_media_with_constraints(&constraints)?).await?;
    stream.dyn_into()
}

async fn live(page: &Page, stream: MediaStream, devices: &MediaDevices) {
    let attempt = {
        let mut device = page.camera.borrow_mut();
        // Not `stream.clone()`: that is the DOM's clone, a second stream that nobody would stop.
        device.stream = Some(Clone::clone(&stream));
        device.attempt
    };
    let video: HtmlVideoElement = by_id("video");
    video.set_src_object(Some(&stream));
    if let Ok(playing) = video.play() {
        // A play() that is interrupted by Stop rejects; the attempt tells.
        let _ = JsFuture::from(playing).await;
    }
    if page.camera.borrow().attempt != attempt {
        return;
    }
    for track in tracks(&stream) {
        let own = page.clone();
        on(&track, "ended", move |_: Event| {
            if own.camera.borrow().attempt == attempt {
                stop(&own, Camera::Unplugged);
            }
        });
        // Looking at oneself unmirrored is confusing; a back camera must not be mirrored.
        let settings = Reflect::get(&track, &"getSettings".into())
            .ok()
            .and_then(|get| get.dyn_into::<js_sys::Function>().ok())
            .and_then(|get| get.call0(&track).ok())
            .unwrap_or(JsValue::UNDEFINED);
        let facing = Reflect::get(&settings, &"facingMode".into()).unwrap_or(JsValue::UNDEFINED);
        let mirrored = facing
            .as_string()
            .is_none_or(|facing| facing != "environment");
        set_attribute(&video, "data-mirrored", if mirrored { "yes" } else { "no" });
    }
    picture::choose(page, Source::Camera);
    enter(page, Camera::Live);
    look(page.clone(), attempt);
    list(devices).await;
}

/// Send a frame whenever the last one is answered.
fn look(page: Page, attempt: u32) {
    next_frame(move || {
        if page.camera.borrow().attempt != attempt {
            return;
        }
        let due = now() - page.camera.borrow().last_frame >= INTERVAL_MS;
        if due {
            page.camera.borrow_mut().last_frame = now();
            picture::frame(&page, &by_id("video"));
        }
        look(page, attempt);
    });
}

/// Fill the picker with the cameras; their names are known once one was allowed.
async fn list(devices: &MediaDevices) {
    let Ok(promise) = devices.enumerate_devices() else {
        return;
    };
    let Ok(found) = JsFuture::from(promise).await else {
        return;
    };
    let select: HtmlSelectElement = by_id("camera-choice");
    let chosen = select.value();
    let group: Element = by_id("camera-devices");
    clear(&group);
    let cameras = js_sys::Array::from(&found)
        .iter()
        .filter_map(|device| device.dyn_into::<MediaDeviceInfo>().ok())
        .filter(|device| device.kind() == web_sys::MediaDeviceKind::Videoinput)
        .collect::<Vec<_>>();
    for (index, camera) in cameras.iter().enumerate() {
        let label = if camera.label().is_empty() {
            format!("Camera {}", index + 1)
        } else {
            camera.label()
        };
        let option = make("option", "", &label);
        set_attribute(&option, "value", &camera.device_id());
        append(&group, &[&option]);
    }
    super::dom::show(&group, cameras.len() > 1);
    select.set_value(&chosen);
}

fn devices() -> Option<MediaDevices> {
    // Undefined, not an error, on pages without https.
    let devices = window().navigator().media_devices().ok()?;
    (!devices.is_undefined() && !devices.is_null()).then_some(devices)
}

fn tracks(stream: &MediaStream) -> Vec<MediaStreamTrack> {
    stream
        .get_tracks()
        .iter()
        .filter_map(|track| track.dyn_into().ok())
        .collect()
}

fn stop_tracks(stream: &MediaStream) {
    tracks(stream).iter().for_each(MediaStreamTrack::stop);
}

fn name_of(error: &JsValue) -> String {
    Reflect::get(error, &"name".into())
        .ok()
        .and_then(|name| name.as_string())
        .unwrap_or_default()
}
