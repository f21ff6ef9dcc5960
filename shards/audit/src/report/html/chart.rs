//! Bars, drawn in the page itself.

use super::page::escape;
use crate::report::model::{Bar, Chart};
use crate::report::tally::drawn;

/// Height of a bar and of the gap below it, and where the bars begin and end, in units of the picture.
const ROW: usize = 26;
const LEFT: usize = 210;
const WIDTH: usize = 320;
const RIGHT: usize = 80;

/// A label is cut where the bars begin: the whole stands in the title of its bar.
const LABEL: usize = 28;

/// A chart as a figure. Readers of a screen hear its title and its numbers.
pub(super) fn draw(chart: &Chart) -> String {
    let title = escape(&chart.title);
    let caption = format!("<figcaption>{title}</figcaption>\n");
    if chart.bars.is_empty() {
        let why = chart.note.as_deref().map_or_else(|| "None.".to_owned(), escape);
        return format!("<figure>\n{caption}<p class=\"none\">{why}</p>\n</figure>\n");
    }
    let note =
        chart.note.as_deref().map(|note| format!("<p class=\"none\">{}</p>\n", escape(note))).unwrap_or_default();
    let bars = drawn(&chart.bars);
    let most = bars.iter().map(|bar| bar.value).max().unwrap_or_default().max(1);
    let rows: String = bars.iter().zip(0..).map(|(bar, row)| one(bar, row, most)).collect();
    let spoken: Vec<_> = bars.iter().map(|bar| format!("{} {}", name(bar), bar.value)).collect();
    format!(
        "<figure>\n{caption}<svg role=\"img\" viewBox=\"0 0 {} {}\" aria-labelledby=\"chart-{id} chart-{id}-all\">\n\
         <title id=\"chart-{id}\">{title}</title>\n<desc id=\"chart-{id}-all\">{}</desc>\n{rows}</svg>\n{note}</figure>\n",
        LEFT + WIDTH + RIGHT,
        bars.len() * ROW,
        escape(&spoken.join(", ")),
        id = escape(&chart.id),
    )
}

fn one(bar: &Bar, row: usize, most: u64) -> String {
    let top = row * ROW;
    let long = name(bar);
    // Below the largest by proportion, in whole units: at most as wide as the picture, and never nothing for something.
    let width = (u128::from(bar.value) * WIDTH as u128 / u128::from(most)).max(u128::from(bar.value > 0));
    format!(
        "<g><title>{}: {}</title><text class=\"label\" x=\"{}\" y=\"{}\">{}</text>\
         <rect x=\"{LEFT}\" y=\"{}\" width=\"{width}\" height=\"{}\" rx=\"2\"></rect>\
         <text x=\"{}\" y=\"{}\">{}</text></g>\n",
        escape(&long),
        bar.value,
        LEFT - 8,
        top + 17,
        escape(&short(&long)),
        top + 4,
        ROW - 8,
        LEFT as u128 + width + 6,
        top + 17,
        bar.value,
    )
}

fn name(bar: &Bar) -> String {
    bar.label.clone().unwrap_or_else(|| "not told".to_owned())
}

fn short(label: &str) -> String {
    if label.chars().count() <= LABEL {
        return label.to_owned();
    }
    label.chars().take(LABEL - 1).chain(['…']).collect()
}
