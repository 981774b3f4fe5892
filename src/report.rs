//! One record of a run: JSON and Markdown.
