//! Tables whose columns are as wide as what is in them, within the width of a terminal.

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use super::clean;

/// A column of text gives up its width down to this where there is no room.
const LEAST_WIDTH: usize = 12;

/// What stands where a text was cut.
const CUT: char = '~';

/// A column.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    title: &'static str,
    is_number: bool,
}

impl Column {
    /// Aligned on the left; cut where there is no room.
    pub const fn text(title: &'static str) -> Self {
        Self { title, is_number: false }
    }

    /// Aligned on the right; never cut.
    pub const fn number(title: &'static str) -> Self {
        Self { title, is_number: true }
    }
}

/// Rows below titles, and lines of text below these.
#[derive(Clone, Debug)]
pub struct Table {
    columns: &'static [Column],
    rows: Vec<Vec<String>>,
    notes: Vec<String>,
}

impl Table {
    /// An empty table; where no column has a title there is no line for them.
    pub const fn new(columns: &'static [Column]) -> Self {
        Self { columns, rows: Vec::new(), notes: Vec::new() }
    }

    /// Adds a row: a cell for each column.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        let cells = cells.into_iter().map(|cell| clean(&cell).into_owned());
        self.rows.push(cells.collect());
    }

    /// Adds a line below the rows.
    pub fn note(&mut self, line: &str) {
        self.notes.push(clean(line).into_owned());
    }

    /// Leaves the first rows, and says how many others there are, of which `what`.
    pub fn keep(&mut self, rows: usize, what: &str) {
        let others = self.rows.len().saturating_sub(rows);
        if others > 0 {
            self.rows.truncate(rows);
            self.note(&format!("... and {others} more {what}"));
        }
    }

    /// True if there is nothing to show.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.notes.is_empty()
    }

    /// The lines, none of which is wider than `width` columns of the terminal, if there is one.
    pub fn lines(&self, width: Option<usize>) -> Vec<String> {
        let titles: Vec<&str> = self.columns.iter().map(|column| column.title).collect();
        let has_titles = titles.iter().any(|title| !title.is_empty()) && !self.rows.is_empty();
        let mut widths: Vec<usize> = titles.iter().map(|title| title.width()).collect();
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.width());
            }
        }
        let gap = self.shrink(&mut widths, width);
        let rows = self.rows.iter().map(|row| self.line(row, &widths, gap));
        let titles = has_titles.then(|| self.line(&titles, &widths, gap));
        let lines = titles.into_iter().chain(rows).chain(self.notes.iter().cloned());
        lines.map(|line| width.map_or_else(|| line.clone(), |width| cut(&line, width))).collect()
    }

    /// Makes room: takes from the widest column of text, then from the gaps. The gap to use.
    fn shrink(&self, widths: &mut [usize], width: Option<usize>) -> &'static str {
        let Some(width) = width else { return "  " };
        let gaps = widths.len().saturating_sub(1);
        let texts = |widths: &[usize]| {
            let texts = (0..widths.len()).filter(|index| !self.columns[*index].is_number);
            texts.max_by_key(|index| widths[*index])
        };
        for gap in ["  ", " "] {
            while widths.iter().sum::<usize>() + gaps * gap.len() > width {
                match texts(widths).filter(|index| widths[*index] > LEAST_WIDTH) {
                    Some(index) => widths[index] -= 1,
                    None => break,
                }
            }
            if widths.iter().sum::<usize>() + gaps * gap.len() <= width {
                return gap;
            }
        }
        " "
    }

    fn line(&self, cells: &[impl AsRef<str>], widths: &[usize], gap: &str) -> String {
        let mut line = String::new();
        for (index, ((cell, column), width)) in
            cells.iter().zip(self.columns).zip(widths).enumerate()
        {
            if index > 0 {
                line += gap;
            }
            let cell = cut(cell.as_ref(), *width);
            let padding = " ".repeat(width.saturating_sub(cell.width()));
            if column.is_number {
                line += &padding;
                line += &cell;
            } else {
                line += &cell;
                line += &padding;
            }
        }
        line.truncate(line.trim_end().len());
        line
    }
}

/// What of a text fits, with a mark if that is not all.
pub(crate) fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut left = width.saturating_sub(1);
    let mut kept = String::new();
    for character in text.chars() {
        let needed = character.width().unwrap_or(0);
        if needed > left {
            break;
        }
        left -= needed;
        kept.push(character);
    }
    if width > 0 {
        kept.push(CUT);
    }
    kept
}

#[cfg(test)]
mod tests {
    use proptest::proptest;

    use super::*;

    const COLUMNS: &[Column] = &[Column::text("NAME"), Column::number("CPU %"), Column::text("")];

    fn table(names: &[&str]) -> Table {
        let mut table = Table::new(COLUMNS);
        for name in names {
            table.row([(*name).to_owned(), "1.5".to_owned(), "end".to_owned()]);
        }
        table
    }

    #[test]
    fn columns_are_aligned() {
        let lines = table(&["a", "longer", "数数"]).lines(None);
        let expected =
            ["NAME    CPU %", "a         1.5  end", "longer    1.5  end", "数数      1.5  end"];
        assert_eq!(lines, expected);
        assert!(table(&[]).is_empty() && table(&[]).lines(None).is_empty());
        let mut few = table(&["a", "b", "c"]);
        few.keep(2, "names");
        assert_eq!(few.lines(None)[3..], ["... and 1 more names"]);
    }

    #[test]
    fn texts_make_room_before_numbers() {
        let long = "x".repeat(40);
        let lines = table(&[&long]).lines(Some(30));
        assert_eq!(lines[1], format!("{}~    1.5  end", "x".repeat(17)));
        // Where even that is too much, lines are cut.
        let lines = table(&[&long]).lines(Some(15));
        assert_eq!(lines[1], format!("{}~  ~", "x".repeat(11)));
    }

    #[test]
    fn nothing_that_a_terminal_obeys_is_left() {
        let mut table = table(&["\u{1b}]0;title\u{7}"]);
        table.note("a\nb");
        let lines = table.lines(None);
        assert_eq!(lines[1..], [r"\u{1b}]0;title\u{7}    1.5  end", r"a\u{a}b"]);
    }

    proptest! {
        #[test]
        fn no_line_is_wider_than_the_terminal(names: Vec<String>, width in 0_usize..200) {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            for line in table(&names).lines(Some(width)) {
                proptest::prop_assert!(line.width() <= width, "{:?}", line);
                proptest::prop_assert!(!line.chars().any(char::is_control));
            }
        }
    }
}
