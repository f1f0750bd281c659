//! Lines over a logarithmic axis.

use std::path::Path;

use plotters::prelude::*;

use super::bars::number;
use crate::failure::Failure;

const COLORS: [RGBColor; 3] = [RGBColor(31, 98, 174), RGBColor(230, 145, 56), RGBColor(90, 90, 90)];

/// Points that belong together.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) label: String,
    pub(super) points: Vec<(f64, f64)>,
}

/// A picture of lines.
#[derive(Clone, Debug)]
pub(super) struct Lines {
    pub(super) title: String,
    pub(super) x: String,
    pub(super) y: String,
    pub(super) lines: Vec<Line>,
}

impl Lines {
    pub(super) fn draw(&self, file: &Path) -> Result<(), Failure> {
        let points = || self.lines.iter().flat_map(|line| &line.points);
        let (first, last) =
            points().fold((f64::MAX, 0.0), |(least, most), (x, _)| (x.min(least), x.max(most)));
        let top = points().map(|(_, y)| *y).fold(0.0, f64::max) * 1.1;
        let root = SVGBackend::new(file, (960, 460)).into_drawing_area();
        root.fill(&WHITE)?;
        let mut chart = ChartBuilder::on(&root)
            .caption(&self.title, ("sans-serif", 20))
            .margin(16)
            .x_label_area_size(48)
            .y_label_area_size(72)
            .build_cartesian_2d((first..last).log_scale(), 0.0..top)?;
        chart
            .configure_mesh()
            .x_desc(&self.x)
            .y_desc(&self.y)
            .label_style(("sans-serif", 14))
            .axis_desc_style(("sans-serif", 15))
            .x_label_formatter(&|x| power(*x))
            .y_label_formatter(&|y| number(*y))
            .bold_line_style(RGBColor(222, 222, 222))
            .light_line_style(TRANSPARENT)
            .draw()?;
        for (line, color) in self.lines.iter().zip(COLORS.into_iter().cycle()) {
            chart
                .draw_series(LineSeries::new(line.points.iter().copied(), color.stroke_width(3)))?
                .label(&line.label)
                .legend(move |(x, y)| PathElement::new(vec![(x, y), (x + 24, y)], color.stroke_width(3)));
            chart.draw_series(line.points.iter().map(|point| Circle::new(*point, 4, color.filled())))?;
        }
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::UpperRight)
            .label_font(("sans-serif", 15))
            .background_style(WHITE)
            .border_style(RGBColor(222, 222, 222))
            .draw()?;
        Ok(root.present()?)
    }
}

/// Thousands and millions in short.
fn power(value: f64) -> String {
    match value {
        large if large >= 1e6 => format!("{} M", number(value / 1e6).trim_end_matches(".00")),
        large if large >= 1e3 => {
            format!("{} k", number(value / 1e3).trim_end_matches(".0").trim_end_matches(".00"))
        }
        _ => number(value),
    }
}
