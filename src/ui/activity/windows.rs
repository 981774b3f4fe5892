//! Attention windows over the picture: how the token grid is cut, and the spikes of every piece.

use crate::protocol::HeadGroupSpikes;
use crate::ui::format::grouped;
use std::fmt::Write;

/// A rectangle of tokens that attends by itself: a window, or what the picture's edge leaves of a shifted one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// Left column, top row, width and height in tokens.
    pub at: [usize; 4],
    /// The window it belongs to, row by row.
    pub window: usize,
    /// Its spikes.
    pub spikes: u64,
}

/// First token, length and window of the pieces along one axis. A cyclic shift leaves the last window's two ends at
/// opposite edges.
fn axis(side: usize, window: usize, shift: usize) -> Vec<[usize; 3]> {
    let count = side / window.max(1);
    let mut parts = Vec::new();
    if shift > 0 {
        parts.push([0, shift, count - 1]);
    }
    for index in 0..count {
        let from = shift + index * window;
        parts.push([from, window.min(side - from), index]);
    }
    parts
}

/// The pieces of a head group's grid.
pub fn pieces(group: &HeadGroupSpikes) -> Vec<Piece> {
    let axis = axis(group.side, group.window, group.shift);
    let count = group.side / group.window.max(1);
    let mut pieces = Vec::new();
    for &[y, height, row] in &axis {
        for &[x, width, column] in &axis {
            let rows = (y..y + height).flat_map(|y| {
                let from = y * group.side + x;
                group.spikes.get(from..from + width).unwrap_or_default()
            });
            pieces.push(Piece {
                at: [x, y, width, height],
                window: row * count + column,
                spikes: rows.map(|&spikes| u64::from(spikes)).sum(),
            });
        }
    }
    pieces
}

/// Spikes of each window.
pub fn by_window(group: &HeadGroupSpikes) -> Vec<u64> {
    let mut windows = vec![0; (group.side / group.window.max(1)).pow(2)];
    for piece in pieces(group) {
        windows[piece.window] += piece.spikes;
    }
    windows
}

/// Side of a token in the drawing.
const TOKEN: usize = 10;

/// To lie over the picture: the fuller a piece is of spikes, the deeper its tint.
pub fn drawing(group: &HeadGroupSpikes) -> String {
    let pieces = pieces(group);
    let density = |piece: &Piece| piece.spikes as f64 / (piece.at[2] * piece.at[3]).max(1) as f64;
    let most = pieces.iter().map(density).fold(f64::MIN_POSITIVE, f64::max);
    let (mut fills, mut edges, mut texts) = (String::new(), String::new(), String::new());
    for piece in &pieces {
        let [x, y, width, height] = piece.at.map(|at| at * TOKEN);
        let _ = write!(
            fills,
            "<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" fill-opacity=\"{:.2}\"/>",
            0.6 * density(piece) / most
        );
        let _ = write!(edges, "M{x} {y}h{width}v{height}h-{width}z");
        let text = piece.spikes.to_string();
        // Digits are about 0.6 of their size wide.
        let size = (width as f64 / (0.62 * text.len() as f64 + 0.3)).min(5.5);
        let _ = write!(
            texts,
            "<text x=\"{}\" y=\"{:.1}\" font-size=\"{size:.1}\">{text}</text>",
            x as f64 + width as f64 / 2.0,
            y as f64 + height as f64 / 2.0 + size * 0.35
        );
    }
    let side = group.side * TOKEN;
    format!(
        "<svg viewBox=\"0 0 {side} {side}\" aria-hidden=\"true\"><g class=\"fills\">{fills}</g>\
         <path class=\"under\" d=\"{edges}\"/><path class=\"edges\" d=\"{edges}\"/>{texts}</svg>"
    )
}

/// Which heads of its block a group has: `heads 1 and 2`.
pub fn heads(groups: &[HeadGroupSpikes], index: usize) -> String {
    let group = &groups[index];
    let before = groups[..index]
        .iter()
        .filter(|other| other.block == group.block);
    let first = 1 + before.map(|other| other.heads).sum::<usize>();
    match group.heads {
        1 => format!("head {first}"),
        heads => format!("heads {first} to {}", first + heads - 1),
    }
}

/// The caption.
pub fn words(groups: &[HeadGroupSpikes], index: usize) -> String {
    let group = &groups[index];
    let windows = by_window(group);
    let carried = windows.iter().filter(|spikes| **spikes > 0).count();
    let w = group.window;
    let shift = match group.shift {
        0 => "not shifted".to_owned(),
        shift => format!("shifted by {shift}"),
    };
    format!(
        "Block {}, {}: windows of {w} × {w} tokens, {shift}. {carried} of {} carried spikes, {} in all.",
        group.block + 1,
        heads(groups, index),
        windows.len(),
        grouped(windows.iter().sum::<u64>() as f64)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(window: usize, shift: usize) -> HeadGroupSpikes {
        HeadGroupSpikes {
            block: 1,
            heads: 2,
            side: 8,
            window,
            shift,
            spikes: (0..64).collect(),
        }
    }

    #[test]
    fn pieces_cover_every_token_once() {
        for (window, shift) in [(8, 0), (4, 0), (4, 2), (2, 0), (2, 1)] {
            let group = group(window, shift);
            let mut covered = vec![0; 64];
            for piece in pieces(&group) {
                let [x, y, width, height] = piece.at;
                let mut own = 0;
                for token in (y..y + height).flat_map(|y| (x..x + width).map(move |x| y * 8 + x)) {
                    covered[token] += 1;
                    own += token as u64;
                }
                assert_eq!(piece.spikes, own);
            }
            assert_eq!(covered, vec![1; 64], "window {window}, shift {shift}");
            assert_eq!(by_window(&group).iter().sum::<u64>(), 63 * 32);
        }
    }

    #[cfg(feature = "engine")]
    #[test]
    fn windows_are_the_models() {
        use crate::kernels::Windows;
        for (window, shifted) in [(8, true), (4, false), (4, true), (2, true)] {
            let model = Windows::new(8, window, shifted);
            let wanted = model.members().into_iter();
            let wanted: Vec<u64> = wanted
                .map(|tokens| tokens.iter().map(|&token| token as u64).sum())
                .collect();
            assert_eq!(by_window(&group(window, model.shift)), wanted);
            let regions = model.regions().into_iter().map(|mut regions| {
                regions.sort_unstable();
                regions.dedup();
                regions.len()
            });
            let pieces = pieces(&group(window, model.shift)).len();
            assert_eq!(pieces, regions.sum::<usize>(), "window {window}");
        }
    }

    #[test]
    fn captions_say_which_heads_and_how_many_windows_spiked() {
        let mut second = group(2, 1);
        second.spikes = vec![0; 64];
        second.spikes[9] = 5;
        let groups = [group(4, 2), second];
        let words = words(&groups, 1);
        assert_eq!(
            words,
            "Block 2, heads 3 to 4: windows of 2 × 2 tokens, shifted by 1. 1 of 16 carried spikes, 5 in all."
        );
    }
}
