//! The page: what a visitor sees and touches. It speaks [`crate::protocol`] with a worker and knows
//! nothing of burn.
//!
//! | files | do |
//! |---|---|
//! | [`settings`], [`url`], [`state`], [`history`], [`figures`], [`choice`], [`words`], [`format`](mod@format) | plain data and decisions, tested natively |
//! | `engine`, `engines`, `lifecycle`, `recovery`, `candidate`, `adapter` | the workers: start, use, replace, prove, move |
//! | `controls`, `files`, `picture`, `strip`, `camera`, `prices`, `what_if` | what the visitor does |
//! | `render`, `charts`, `curves`, `twin`, `meter`, `bill`, `lines`, `trail`, `notices` | what the visitor sees |
//! | `app`, `dom` | the page as a whole; DOM helpers |

mod adapter;
mod app;
mod bill;
mod camera;
mod candidate;
mod charts;
pub mod choice;
mod controls;
mod curves;
mod dom;
mod engine;
mod engines;
pub mod figures;
mod files;
pub mod format;
pub mod history;
mod lifecycle;
mod lines;
mod meter;
mod notices;
mod picture;
mod prices;
mod recovery;
mod render;
pub mod settings;
pub mod state;
mod strip;
mod trail;
mod twin;
pub mod url;
mod what_if;
pub mod words;

pub use app::start;
