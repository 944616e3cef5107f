//! Summaries whose quantiles are percentages, as reference exporters label some.

use super::{Format, Sink};
use crate::metric::{Desc, Label};

/// A summary whose quantiles are percentages.
#[derive(Clone, Debug)]
pub struct Percentiles<'a> {
    /// The labels of all its series.
    pub labels: Vec<Label<'a>>,
    /// Percentage and value, ascending.
    pub quantiles: Vec<(f64, f64)>,
    /// Sum of all observations.
    pub sum: f64,
    /// Their number.
    pub count: u64,
}

impl Sink {
    /// Writes a family of such summaries. To OpenMetrics the label `quantile` of a summary is a
    /// share of 1: there the family and those of sum and count are of no type, so that the series
    /// are the same in both formats.
    pub fn percentiles(&mut self, desc: &Desc<'_>, rows: &[Percentiles<'_>]) {
        if self.format() == Format::Text {
            let mut family = self.family(desc);
            for row in rows {
                family.summary(&row.labels, row.quantiles.iter().copied(), row.sum, row.count);
            }
            return;
        }
        let mut family = self.family(&Desc::untyped(desc.name, desc.help));
        for row in rows {
            for (percentage, value) in &row.quantiles {
                // As Prometheus spells it, from whichever format.
                let percentage = format!("{percentage:?}");
                let mut labels = row.labels.clone();
                labels.push(("quantile", &percentage));
                family.sample(&labels, *value);
            }
        }
        drop(family);
        let (sum, count) = (format!("{}_sum", desc.name), format!("{}_count", desc.name));
        let sums = rows.iter().map(|row| (row.labels.as_slice(), row.sum));
        self.untyped(&Desc::untyped(&sum, desc.help), sums);
        let counts = rows.iter().map(|row| (row.labels.as_slice(), row.count as f64));
        self.untyped(&Desc::untyped(&count, desc.help), counts);
    }

    fn untyped<'a>(
        &mut self,
        desc: &Desc<'_>,
        samples: impl Iterator<Item = (&'a [Label<'a>], f64)>,
    ) {
        let mut family = self.family(desc);
        for (labels, value) in samples {
            family.sample(labels, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(format: Format) -> String {
        let rows = ["get", "set"].map(|command| Percentiles {
            labels: vec![("cmd", command)],
            quantiles: vec![(50.0, 1.5), (99.9, 7.0)],
            sum: 10.0,
            count: 2,
        });
        let mut sink = Sink::new(format);
        sink.percentiles(&Desc::summary("s", "S."), &rows);
        String::from_utf8(sink.text().to_vec()).unwrap()
    }

    #[test]
    fn to_openmetrics_percentages_are_no_quantiles() {
        let text = |command| {
            format!(
                "s{{cmd=\"{command}\",quantile=\"50\"}} 1.5\n\
                 s{{cmd=\"{command}\",quantile=\"99.9\"}} 7\n\
                 s_sum{{cmd=\"{command}\"}} 10\ns_count{{cmd=\"{command}\"}} 2\n"
            )
        };
        let expected = format!("# HELP s S.\n# TYPE s summary\n{}{}", text("get"), text("set"));
        assert_eq!(written(Format::Text), expected);
        assert_eq!(
            written(Format::OpenMetrics),
            "# HELP s S.\n# TYPE s unknown\n\
             s{cmd=\"get\",quantile=\"50.0\"} 1.5\ns{cmd=\"get\",quantile=\"99.9\"} 7\n\
             s{cmd=\"set\",quantile=\"50.0\"} 1.5\ns{cmd=\"set\",quantile=\"99.9\"} 7\n\
             # HELP s_sum S.\n# TYPE s_sum unknown\ns_sum{cmd=\"get\"} 10\ns_sum{cmd=\"set\"} 10\n\
             # HELP s_count S.\n# TYPE s_count unknown\n\
             s_count{cmd=\"get\"} 2\ns_count{cmd=\"set\"} 2\n"
        );
    }
}
