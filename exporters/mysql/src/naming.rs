//! Names of families that the server's own names decide.

use common::metric::{Desc, Kind};

/// Appends `raw` as part of a metric name: lower case, `_` for all but letters, digits and `_`.
pub fn munge_into(name: &mut String, raw: &str) {
    name.extend(raw.chars().map(|character| match character {
        'A'..='Z' => character.to_ascii_lowercase(),
        'a'..='z' | '0'..='9' | '_' => character,
        _ => '_',
    }));
}

/// Makes descriptions of families out of the server's names, in two buffers used again and again.
#[derive(Debug)]
pub struct Namer {
    name: String,
    prefix_length: usize,
    help: String,
    subject_length: usize,
}

impl Namer {
    /// Names start with `prefix`; help texts with `subject`, such as `Server status variable `.
    pub fn new(prefix: &str, subject: &str) -> Self {
        let (mut name, mut help) = (String::with_capacity(96), String::with_capacity(96));
        name.push_str(prefix);
        help.push_str(subject);
        Self { name, prefix_length: prefix.len(), help, subject_length: subject.len() }
    }

    /// Describes the family of the server's variable `raw`.
    pub fn describe(&mut self, raw: &str, kind: Kind) -> Desc<'_> {
        self.name.truncate(self.prefix_length);
        munge_into(&mut self.name, raw);
        self.help.truncate(self.subject_length);
        self.help.push_str(raw);
        self.help.push('.');
        Desc::new(&self.name, &self.help, kind)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_are_lower_case_and_legal() {
        let mut namer = Namer::new("mysql_x_", "Variable ");
        let desc = namer.describe("Validate_password.length", Kind::Gauge);
        assert_eq!(desc.name, "mysql_x_validate_password_length");
        assert_eq!(desc.help, "Variable Validate_password.length.");
        assert_eq!(namer.describe("é-1", Kind::Gauge).name, "mysql_x___1");
        assert_eq!(namer.describe("", Kind::Gauge).name, "mysql_x_");
    }

    proptest! {
        #[test]
        fn any_name_becomes_a_legal_one(raw in "(?s).{0,40}") {
            let mut namer = Namer::new("m_", "");
            let desc = namer.describe(&raw, Kind::Untyped);
            prop_assert!(desc.name.bytes().all(
                |byte| byte == b'_' || byte.is_ascii_lowercase() || byte.is_ascii_digit()
            ));
            prop_assert_eq!(desc.name.len(), 2 + raw.chars().count());
        }
    }
}
