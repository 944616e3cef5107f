//! What encoding costs: time, and allocations, of which there must be none once the buffers have grown.

use common::exposition::{Format, LabelSet, Sink};
use common::metric::Desc;

#[global_allocator]
static ALLOCATIONS: divan::AllocProfiler = divan::AllocProfiler::system();

const FAMILIES: usize = 640;

fn main() {
    divan::main();
}

/// 640 families, 1,500 series: 600 bare, 600 with one label, 300 with three.
fn push(sink: &mut Sink, format: Format, names: &[String], base: &LabelSet) {
    sink.reset(format);
    for (index, name) in names.iter().enumerate() {
        let mut family = sink.family(&Desc::counter(name, "A family of the benchmark."));
        match index {
            0..600 => family.sample(&(), index as f64 * 1.1),
            600..620 => {
                for device in names.iter().take(30) {
                    family.sample(&[("device", device)], index as f64);
                }
            }
            _ => {
                for device in names.iter().take(15) {
                    family.sample(&(base, [("device", &**device), ("mode", "user")]), 0.25);
                }
            }
        }
    }
}

#[divan::bench(args = [Format::Text, Format::OpenMetrics])]
fn fifteen_hundred_series(bencher: divan::Bencher<'_, '_>, format: Format) {
    let names: Vec<String> = (0..FAMILIES).map(|i| format!("bench_family_{i}_total")).collect();
    let base = LabelSet::new([("id", "/system.slice/some.service")]);
    let mut sink = Sink::new(format);
    push(&mut sink, format, &names, &base);
    bencher.bench_local(|| {
        push(&mut sink, format, &names, &base);
        divan::black_box(sink.text().len())
    });
}
