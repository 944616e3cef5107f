//! Views of the sys schema.

pub(super) mod user_summary;
