//! Which key does what, and when a key is left to the control that has the focus.

/// What a single key asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shortcut {
    /// Train, or pause.
    TrainOrPause,
    /// One step.
    Step,
    /// Evaluate on held-out images.
    Evaluate,
    /// The next held-out image.
    NextImage,
    /// Camera on, or off.
    Camera,
    /// Go to a part of the page, counted from 0.
    Part(usize),
    /// The list of keys.
    Keys,
}

/// What has the focus, as far as keys are concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Focus {
    /// Nothing that takes keys.
    Nothing,
    /// A control that Space works: a button, a checkbox, a disclosure, something that scrolls.
    Control,
    /// A field that takes characters, or a list that is searched by typing.
    Typing,
}

/// The meaning of a key (`KeyboardEvent.key`) without Ctrl, Alt or Meta.
pub fn shortcut(key: &str, focus: Focus) -> Option<Shortcut> {
    if focus == Focus::Typing {
        return None;
    }
    match key {
        " " if focus == Focus::Nothing => Some(Shortcut::TrainOrPause),
        "." => Some(Shortcut::Step),
        "e" | "E" => Some(Shortcut::Evaluate),
        "n" | "N" => Some(Shortcut::NextImage),
        "c" | "C" => Some(Shortcut::Camera),
        "?" => Some(Shortcut::Keys),
        _ => {
            let digit = key.parse::<usize>().ok().filter(|_| key.len() == 1)?;
            digit.checked_sub(1).map(Shortcut::Part)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_fires_while_typing() {
        for key in [" ", ".", "e", "N", "c", "?", "1", "9"] {
            assert_eq!(shortcut(key, Focus::Typing), None, "{key:?}");
            assert!(shortcut(key, Focus::Nothing).is_some(), "{key:?}");
        }
    }

    #[test]
    fn space_stays_with_the_control_that_has_the_focus() {
        assert_eq!(shortcut(" ", Focus::Control), None);
        assert_eq!(shortcut(".", Focus::Control), Some(Shortcut::Step));
    }

    #[test]
    fn parts_are_counted_from_one_on_the_keyboard() {
        assert_eq!(shortcut("1", Focus::Nothing), Some(Shortcut::Part(0)));
        assert_eq!(shortcut("9", Focus::Control), Some(Shortcut::Part(8)));
    }

    #[test]
    fn other_keys_mean_nothing() {
        for key in ["0", "Enter", "Tab", "ArrowDown", "10", "F1", "é", ""] {
            assert_eq!(shortcut(key, Focus::Nothing), None, "{key:?}");
        }
    }
}
