//! Answers of a server as they are, before they become families: pure, from text or value to rows.

pub mod clients;
pub mod commands;
pub mod info;
pub mod nodes;
pub mod settings;
pub mod slots;
pub mod values;
