//! The page at `/`: what this is, which version, where the metrics are.

use std::fmt::Write as _;

use crate::version::BUILD;

/// What the landing page says.
#[derive(Clone, Debug)]
pub struct Landing {
    /// Heading, such as `Node Exporter`.
    pub title: &'static str,
    /// One sentence below it.
    pub description: &'static str,
    /// Further links: path, text.
    pub links: Vec<(String, String)>,
    /// What the exporter itself shows below, as HTML; empty for nothing. A script
    /// finds the path of the metrics in the attribute `data-metrics` of the body.
    pub content: &'static str,
}

impl Landing {
    /// The page, with a link to `telemetry_path` first.
    pub(super) fn render(&self, telemetry_path: &str) -> String {
        let mut links = link(telemetry_path, "Metrics");
        for (path, text) in &self.links {
            links += &link(path, text);
        }
        links += &link("/-/healthy", "Health");
        let build = BUILD;
        format!(
            include_str!("landing.html"),
            title = escape(self.title),
            description = escape(self.description),
            version = escape(build.version),
            branch = escape(build.branch),
            revision = escape(build.revision),
            links = links,
            metrics = escape(telemetry_path.trim_start_matches('/')),
            content = self.content,
        )
    }
}

/// Links are relative, so that the page also works behind a proxy's path prefix.
fn link(path: &str, text: &str) -> String {
    let path = path.trim_start_matches('/');
    format!("<li><a href=\"{}\">{}</a></li>\n", escape(path), escape(text))
}

/// Escapes text for HTML content and attribute values.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' | '<' | '>' | '"' | '\'' => {
                // Writing to a string does not fail.
                let _ = write!(escaped, "&#{};", u32::from(character));
            }
            _ => escaped.push(character),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_escaped_and_links_are_relative() {
        let landing = Landing {
            title: "A <b>",
            description: "It's",
            links: vec![("/scrape".into(), "Probe".into())],
            content: "<em>more</em>",
        };
        let page = landing.render("/metrics\"");
        assert!(page.contains("A &#60;b&#62;") && page.contains("It&#39;s"), "{page}");
        assert!(page.contains("<a href=\"metrics&#34;\">Metrics</a>"), "{page}");
        assert!(page.contains("<a href=\"scrape\">Probe</a>"), "{page}");
        assert!(page.contains("<body data-metrics=\"metrics&#34;\">"), "{page}");
        assert!(page.contains("<em>more</em>"), "{page}");
    }
}
