//! Lists between commas, as Go's flags spell them.

use std::convert::Infallible;
use std::str::FromStr;

/// Words between commas; blanks around them and empty ones do not count.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CommaList(pub Vec<String>);

impl FromStr for CommaList {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let words = text.split(',').map(str::trim).filter(|word| !word.is_empty());
        Ok(Self(words.map(ToOwned::to_owned).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::CommaList;

    #[test]
    fn lists_are_trimmed() {
        let list: CommaList = " a, b ,,c".parse().unwrap();
        assert_eq!(list.0, ["a", "b", "c"]);
        assert_eq!("".parse(), Ok(CommaList::default()));
    }
}
