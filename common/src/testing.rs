//! What the unit tests of collectors look at: the text that is in a sink.

use crate::exposition::Sink;

/// Everything that `push` writes to an empty sink, in the text format.
///
/// ```
/// use common::metric::Desc;
/// let text = common::testing::exposed(|sink| sink.value(&Desc::gauge("a", "A."), 1.0));
/// assert_eq!(text, "# HELP a A.\n# TYPE a gauge\na 1\n");
/// ```
pub fn exposed(push: impl FnOnce(&mut Sink)) -> String {
    let mut sink = Sink::default();
    push(&mut sink);
    text(&sink)
}

/// Everything in a sink.
pub fn text(sink: &Sink) -> String {
    String::from_utf8_lossy(sink.text()).into_owned()
}

/// The samples in a sink, one line each, in the order in which they were pushed.
pub fn samples(sink: &Sink) -> Vec<String> {
    text(sink).lines().filter(|line| !line.starts_with('#')).map(ToOwned::to_owned).collect()
}
