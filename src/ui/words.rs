//! What the page says: one place for its sentences, so that they can be read and tested together.

use super::format::percent;

/// The camera, as the visitor knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Camera {
    /// Never started, or stopped by the visitor.
    #[default]
    Idle,
    /// The browser asks for permission.
    Asking,
    /// Frames arrive.
    Live,
    /// The visitor or a policy said no.
    Denied,
    /// There is none.
    Missing,
    /// There is one, but it cannot be read.
    Busy,
    /// The page is not served in a way that allows cameras.
    Insecure,
    /// It went away while live.
    Unplugged,
    /// Stopped because the tab was hidden.
    Hidden,
}

impl Camera {
    /// Every state.
    pub const ALL: [Self; 9] = [
        Self::Idle,
        Self::Asking,
        Self::Live,
        Self::Denied,
        Self::Missing,
        Self::Busy,
        Self::Insecure,
        Self::Unplugged,
        Self::Hidden,
    ];

    /// Name for style sheets and tests.
    pub fn name(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Asking => "asking",
            Self::Live => "live",
            Self::Denied => "denied",
            Self::Missing => "missing",
            Self::Busy => "busy",
            Self::Insecure => "insecure",
            Self::Unplugged => "unplugged",
            Self::Hidden => "hidden",
        }
    }

    /// What is the case, and what to do.
    pub fn words(self) -> &'static str {
        match self {
            Self::Idle => {
                "The camera is off. It starts only when you press Start camera, and no picture leaves this device."
            }
            Self::Asking => {
                "Your browser is asking whether this page may use the camera. Say yes there, or press Stop camera to cancel."
            }
            Self::Live => {
                "The camera is on. Frames are looked at here, on this device, and thrown away."
            }
            Self::Denied => {
                "The browser does not let this page use the camera. Allow it through the icon beside the address, then press Start camera again; or use Open image."
            }
            Self::Missing => {
                "No camera was found. Plug one in and press Start camera again; or use Open image."
            }
            Self::Busy => {
                "The camera is there but could not be read; another program may be using it. Close that and press Start camera again; or use Open image."
            }
            Self::Insecure => {
                "Browsers give cameras only to pages on https or localhost. Open this page that way; Open image works here too."
            }
            Self::Unplugged => {
                "The camera stopped sending: unplugged, or taken by another program. Press Start camera to go on."
            }
            Self::Hidden => {
                "The camera was switched off while this tab was out of sight. Press Start camera to go on."
            }
        }
    }

    /// The state that follows a failed `getUserMedia`, by the name of its `DOMException`.
    pub fn from_error(name: &str) -> Self {
        match name {
            "NotAllowedError" | "PermissionDeniedError" => Self::Denied,
            "NotFoundError" | "OverconstrainedError" | "DevicesNotFoundError" => Self::Missing,
            "SecurityError" | "TypeError" => Self::Insecure,
            _ => Self::Busy,
        }
    }
}

/// What a dropped or chosen file is, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// CIFAR as `.tar.gz`, `.tar` or `.bin`.
    Dataset,
    /// Weights.
    Checkpoint,
    /// A picture.
    Image,
    /// Anything else.
    Unknown,
}

/// Sort a file by name and MIME type.
pub fn file_kind(name: &str, mime: &str) -> FileKind {
    let name = name.to_ascii_lowercase();
    let ends = |endings: &[&str]| endings.iter().any(|ending| name.ends_with(ending));
    if ends(&[".tar.gz", ".tgz", ".tar", ".bin"]) {
        FileKind::Dataset
    } else if ends(&[".safetensors"]) {
        FileKind::Checkpoint
    } else if mime.starts_with("image/")
        || ends(&[".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".avif"])
    {
        FileKind::Image
    } else {
        FileKind::Unknown
    }
}

/// Shown below this confidence, once the network has been trained.
pub const UNSURE_BELOW: f32 = 0.4;

/// The hint beside a prediction. `below` is the confidence that 95 of 100 right answers of these weights reach, where
/// that was measured.
pub fn hint(trained: bool, confidence: f32, below: Option<f64>) -> String {
    const UNLIKE: &str = "Unlike my training data: neither answer should be trusted.";
    let line = below.unwrap_or(f64::from(UNSURE_BELOW));
    if !trained {
        "These networks have not been trained yet: this is a guess.".to_owned()
    } else if f64::from(confidence) >= line {
        String::new()
    } else if below.is_some() {
        let line = percent(line);
        format!("{UNLIKE} Of 100 right answers on test images, 95 were surer than {line}.")
    } else {
        UNLIKE.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_camera_state_has_its_own_words_and_a_way_forward() {
        for (index, state) in Camera::ALL.into_iter().enumerate() {
            assert!(state.words().len() > 40, "{state:?}");
            for other in &Camera::ALL[..index] {
                assert_ne!(state.words(), other.words());
                assert_ne!(state.name(), other.name());
            }
            if !matches!(state, Camera::Live | Camera::Insecure) {
                assert!(
                    state.words().contains("press St") || state.words().contains("Press St"),
                    "{state:?} names no button"
                );
            }
        }
    }

    #[test]
    fn camera_errors_are_told_apart() {
        assert_eq!(Camera::from_error("NotAllowedError"), Camera::Denied);
        assert_eq!(Camera::from_error("NotFoundError"), Camera::Missing);
        assert_eq!(Camera::from_error("NotReadableError"), Camera::Busy);
        assert_eq!(Camera::from_error("SecurityError"), Camera::Insecure);
    }

    #[test]
    fn files_are_sorted_by_name() {
        for (name, mime, kind) in [
            (
                "cifar-10-binary.tar.gz",
                "application/gzip",
                FileKind::Dataset,
            ),
            ("data_batch_1.BIN", "", FileKind::Dataset),
            ("small.safetensors", "", FileKind::Checkpoint),
            ("cat.jpg", "image/jpeg", FileKind::Image),
            ("scan", "image/png", FileKind::Image),
            ("notes.txt", "text/plain", FileKind::Unknown),
        ] {
            assert_eq!(file_kind(name, mime), kind, "{name}");
        }
    }

    #[test]
    fn low_confidence_is_said_only_of_trained_networks() {
        assert!(hint(true, 0.2, None).contains("Unlike my training data"));
        assert!(hint(false, 0.2, None).contains("not been trained"));
        assert_eq!(hint(true, 0.9, None), "");
        let measured = hint(true, 0.5, Some(0.56));
        assert!(
            measured.contains("Unlike") && measured.contains("56"),
            "{measured}"
        );
        assert_eq!(hint(true, 0.6, Some(0.56)), "");
    }
}
