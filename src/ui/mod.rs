//! The page: what a visitor sees and touches. It speaks [`crate::protocol`] with a worker and knows
//! nothing of burn.
//!
//! | files | do |
//! |---|---|
//! | [`settings`], [`url`], [`state`], [`history`], [`figures`], [`choice`], [`words`], [`format`](mod@format), [`runs`], [`series`], [`gallery`], [`confusion`], [`stories`], [`shortcut`] | plain data and decisions, tested natively |
//! | `engine`, `engines`, `lifecycle`, `recovery`, `candidate`, `adapter` | the workers: start, use, replace, prove, move |
//! | `controls`, `files`, `picture`, `strip`, `camera`, `prices`, `what_if`, `browser`, `story`, `keys` | what the visitor does |
//! | `render`, `charts`, `curves`, `twin`, `activity`, `meter`, `bill`, `lines`, `trail`, `notices`, `runs_table`, `matrix`, `classes`, `guide` | what the visitor sees |
//! | `app`, `dom` | the page as a whole; DOM helpers |

mod activity;
mod adapter;
mod app;
mod bill;
mod browser;
mod camera;
mod candidate;
mod charts;
pub mod choice;
mod classes;
pub mod confusion;
mod controls;
mod curves;
mod dom;
mod engine;
mod engines;
pub mod figures;
mod files;
pub mod format;
pub mod gallery;
mod guide;
pub mod history;
mod keys;
mod lifecycle;
mod lines;
mod matrix;
mod meter;
mod notices;
mod picture;
mod prices;
mod recovery;
mod render;
pub mod runs;
mod runs_table;
pub mod series;
pub mod settings;
pub mod shortcut;
pub mod state;
pub mod stories;
mod story;
mod strip;
mod trail;
mod twin;
pub mod url;
mod what_if;
pub mod words;

pub use app::start;
