//! The page: what a visitor sees and touches. It speaks [`crate::protocol`] with a worker and knows
//! nothing of burn.
//!
//! | files | do |
//! |---|---|
//! | [`settings`], [`url`], [`state`], [`history`], [`figures`], [`choice`], [`words`], [`format`](mod@format), [`runs`], [`series`], [`gallery`], [`confusion`], [`stories`], [`shortcut`], [`kept`], [`trouble`], [`mod@start`], [`examples`] | plain data and decisions, tested natively |
//! | `engine`, `engines`, `lifecycle`, `recovery`, `candidate`, `adapter` | the workers: start, use, replace, prove, move |
//! | `controls`, `files`, `picture`, `strip`, `camera`, `prices`, `what_if`, `browser`, `story`, `keys`, `shipped`, `own`, `own_cards`, `own_collect` | what the visitor does |
//! | `render`, `charts`, `curves`, `twin`, `meter`, `bill`, `lines`, `trail`, `notices`, `runs_table`, `matrix`, `classes`, `guide`, `shelf`, `print`, `activity`, `glance` | what the visitor sees |
//! | `keep`, `vault`, `tabs`, `away`, `offline` | what outlives a page: kept runs, other tabs, out of sight, without a network |
//! | `app`, `dom`, `js` | the page as a whole; DOM helpers |

mod activity;
mod adapter;
mod app;
mod away;
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
pub mod examples;
pub mod figures;
mod files;
pub mod format;
pub mod gallery;
mod glance;
mod guide;
pub mod history;
mod js;
mod keep;
pub mod kept;
mod keys;
mod lifecycle;
mod lines;
mod matrix;
mod meter;
mod notices;
mod offline;
mod own;
mod own_cards;
mod own_collect;
mod picture;
mod prices;
mod print;
mod recovery;
mod render;
pub mod runs;
mod runs_table;
pub mod series;
pub mod settings;
mod shelf;
mod shipped;
pub mod shortcut;
pub mod start;
pub mod state;
pub mod stories;
mod story;
mod strip;
mod tabs;
mod trail;
pub mod trouble;
mod twin;
pub mod url;
mod vault;
mod what_if;
pub mod words;

pub use app::start;
